import { CreatedProject, PlaceToken } from "@longshore/shared/contract/account";
import { describe, expect, test } from "vitest";
import { call, deploy, expectError, FakeAgent, fenceOf, retrieve, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { createPersonal, signIn } from "../wrong-credentials.ts";

/** A token of the production environment of a new project: in one for development an agent serves every place. */
const productionToken = async (p: Platform, name: string): Promise<string> => {
  const { token } = await createPersonal(p, (await signIn(p)).cookie);
  const made = await call(p, "POST", "/api/v1/projects", { token, json: { name } });
  const place = `/api/v1/projects/${CreatedProject.parse(made.json).externalRef}/environments/prod`;
  return PlaceToken.parse((await call(p, "POST", `${place}/token`, { token })).json).token;
};

/** Runs that ask for labels of their agent. Comes last: it makes a project, which later cases would find in their lists. */
export const labelCases = (platform: () => Platform) =>
  describe("labels", () => {
    test("a run that asks for labels reaches an agent that has them, and says so wherever it is shown", async () => {
      const p = { ...platform(), apiKey: await productionToken(platform(), "Labels") };
      await deploy(p, [{ id: "labelled", labels: { disk: "ssd", gpu: "t4" } }]);
      const get = async (path: string) => (await call(p, "GET", path, { token: p.apiKey })).json;
      const labels = { gpu: "a100", disk: "ssd" };
      const agent = await FakeAgent.enrol(p);
      agent.labels = { gpu: "a100" };
      const id = await trigger(p, "labelled", { labels: { gpu: "a100" }, region: "lab", tags: "labelled" });
      expect((await agent.poll(10)).leases.map(({ runId }) => runId)).not.toContain(id);
      expect(await get(`/api/v1/runs/${id}/explain`)).toMatchObject({
        code: "no_agent_with_labels",
        sentence: expect.stringContaining('none that is connected there has "disk=ssd", "gpu=a100"'),
        details: { region: "lab", labels, missing: ["disk", "gpu"] },
      });
      expect(await get("/api/v1/agents/scale")).toMatchObject({
        labelled: [{ region: "lab", labels, slots: 0, queued: 1 }],
      });
      agent.labels = { ...labels, region: "lab" };
      const lease = await agent.lease(id);
      expect(lease.context.run).toMatchObject({ labels, region: "lab" });
      await agent.report([{ ...fenceOf(lease), kind: "started" }]);
      await agent.complete(lease);
      expect(await get("/api/v1/runs?filter[tag]=labelled")).toMatchObject({ data: [{ id, labels }] });
      const replay = async (json: object) => {
        const answer = await call(p, "POST", `/api/v1/runs/${id}/replay`, { token: p.apiKey, json });
        const made = (answer.json as { id: string }).id;
        await call(p, "POST", `/api/v2/runs/${made}/cancel`, { token: p.apiKey });
        return retrieve(p, made);
      };
      expect(await replay({})).toMatchObject({ labels, region: "lab" });
      expect(await replay({ labels: { gpu: "h100" } })).toMatchObject({
        labels: { gpu: "h100", disk: "ssd" },
      });
      expect(await replay({ labels: {} })).toMatchObject({ labels: { gpu: "t4", disk: "ssd" } });
      const many = Object.fromEntries(Array.from({ length: 7 }, (_, nth) => [`l${nth}`, "x"]));
      const options = { labels: many };
      const refused = await call(p, "POST", "/api/v1/tasks/labelled/trigger", {
        token: p.apiKey,
        json: { options },
      });
      expect(expectError(refused, 422).error).toContain("9");
    });
  });
