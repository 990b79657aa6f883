import { randomUUID } from "node:crypto";
import { Deployment } from "@longshore/shared/contract/deployments";
import { TriggerResponse } from "@longshore/shared/contract/trigger";
import { describe, expect, test } from "vitest";
import {
  call,
  deploy,
  expectError,
  FakeAgent,
  fenceOf,
  manifestOf,
  retrieve,
  trigger,
  until,
} from "../client.ts";
import type { Platform } from "../platforms.ts";
import { sign, signIn } from "../wrong-credentials.ts";

const tasks = [
  { id: "hello" },
  { id: "other" },
  { id: "folder/task" },
  { id: "skipping", queue: { name: "skipping", concurrencyLimit: 1, policy: "skip" } },
  { id: "replacing", queue: { name: "replacing", concurrencyLimit: 1, policy: "replace" } },
];

/** Options of a trigger that decide which run there will be, and when it may start. */
export const optionCases = (platform: () => Platform) =>
  describe("options of a trigger", () => {
    const post = (options: object, task = "hello", headers: Record<string, string> = {}, payload?: unknown) =>
      call(platform(), "POST", `/api/v1/tasks/${encodeURIComponent(task)}/trigger`, {
        ...{ token: platform().apiKey, headers, json: { payload, options } },
      });
    const made = async (answer: ReturnType<typeof post>): Promise<TriggerResponse> => {
      const { status, text, json } = await answer;
      expect({ status, text }).toMatchObject({ status: 200 });
      return TriggerResponse.parse(json);
    };
    const statusOf = async (id: string, token: string) =>
      (await call(platform(), "GET", `/api/v3/runs/${id}`, { token })).json as { status: string };
    const cancel = (id: string, token = platform().apiKey) =>
      call(platform(), "POST", `/api/v2/runs/${id}/cancel`, { token });

    test.each([
      { mode: "leading", kept: 1 },
      { mode: "trailing", kept: 2 },
    ])("debounce ($mode) makes one run, later, with the payload of that end", async ({ mode, kept }) => {
      const debounce = { key: randomUUID(), delay: "1h", mode };
      const first = await made(post({ debounce }, "hello", {}, 1));
      const before = await retrieve(platform(), first.id);
      const second = await made(post({ debounce: { ...debounce, delay: "2h" } }, "hello", {}, 2));
      expect(second.id).toBe(first.id);
      const after = await retrieve(platform(), first.id);
      expect(after).toMatchObject({ status: "DELAYED", payload: kept });
      const movedMs = Date.parse(after.delayedUntil ?? "") - Date.parse(before.delayedUntil ?? "");
      expect(movedMs).toBeGreaterThan(3_500_000);
      await cancel(first.id);
    });

    test("debounce is never put off beyond maxDelay", async () => {
      const key = randomUUID();
      const first = await made(post({ debounce: { key, delay: "1h", maxDelay: "90m" } }));
      await made(post({ debounce: { key, delay: "80m", maxDelay: "90m" } }));
      const again = await made(post({ debounce: { key, delay: "85m", maxDelay: "86m" } }));
      for (const id of new Set([first.id, again.id])) {
        const run = await retrieve(platform(), id);
        const offMs = Date.parse(run.delayedUntil ?? "") - Date.parse(run.createdAt);
        expect(offMs).toBeLessThanOrEqual(90 * 60_000);
        await cancel(id);
      }
    });

    test.each([
      ["maxDelay", { delay: "10s", maxDelay: "10s" }],
      ["delay", { delay: "10ms" }],
      ["delay", { delay: "soon" }],
    ])("422 for a debounce whose %s cannot be: %j", async (name, over) => {
      const answer = await post({ debounce: { key: "k", ...over } });
      expect(expectError(answer, 422, "unprocessable").error).toContain(name);
    });

    test.each([
      ["nowhere-limit", { concurrency: ["nowhere-limit"] }],
      ["nowhere-gate", { gates: [{ queue: "nowhere-gate" }] }],
    ])("422 for an unknown %s, naming it", async (name, options) => {
      expect(expectError(await post(options), 422, "unprocessable").error).toContain(`"${name}"`);
    });

    test("a queue that skips answers with the run that is active; one that replaces takes its place", async () => {
      await deploy(platform(), tasks);
      const first = await made(post({}, "skipping"));
      expect(await made(post({}, "skipping"))).toEqual({ id: first.id, isCached: true });
      await cancel(first.id);
      const next = await made(post({}, "skipping"));
      expect(next.id).not.toBe(first.id);
      await cancel(next.id);
      const old = await made(post({}, "replacing"));
      const young = await made(post({}, "replacing"));
      expect(young.id).not.toBe(old.id);
      expect(await retrieve(platform(), old.id)).toMatchObject({ status: "CANCELED" });
      expect(await retrieve(platform(), young.id)).toMatchObject({ status: "QUEUED" });
      await cancel(young.id);
    });

    test("a run of an external deployment waits for it, and is released when it is finalised", async () => {
      const p = platform();
      const { bundleHash } = await deploy(p, tasks);
      const externalId = randomUUID();
      const id = await trigger(p, "hello", { externalDeploymentId: externalId });
      expect(await retrieve(p, id)).toMatchObject({ status: "PENDING_VERSION", isQueued: true });
      const json = { bundleHash, manifest: manifestOf(tasks), externalId };
      const created = await call(p, "POST", "/api/v1/deployments", { token: p.apiKey, json });
      const { id: deploymentId, version } = Deployment.parse(created.json);
      expect(await retrieve(p, id)).toMatchObject({ status: "PENDING_VERSION" });
      await call(p, "POST", `/api/v1/deployments/${deploymentId}/finalise`, { token: p.apiKey });
      const released = await until(
        () => retrieve(p, id),
        ({ status }) => status !== "PENDING_VERSION",
      );
      expect(released).toMatchObject({ status: "QUEUED", version });
      const agent = await FakeAgent.enrol(p);
      const lease = await agent.lease(id);
      expect(lease.deployment.version).toBe(version);
      await agent.report([{ ...fenceOf(lease), kind: "started" }]);
      await agent.complete(lease);
    });

    test("before the first deployment a run waits for it; the first promotion releases it", async () => {
      const p = platform();
      const { session } = await signIn(p);
      const prod = session.environments.find(({ slug }) => slug === "prod");
      const token = await sign(p, prod?.id ?? "", ["admin"]);
      const id = await trigger(p, "hello", {}, {}, token);
      expect(await statusOf(id, token)).toMatchObject({ status: "PENDING_VERSION" });
      await deploy(p, tasks, { token });
      const released = await until(
        () => statusOf(id, token),
        ({ status }) => status !== "PENDING_VERSION",
      );
      expect(released).toMatchObject({ status: "QUEUED" });
      const unknown = await call(p, "POST", "/api/v1/tasks/nowhere/trigger", { token, json: {} });
      expectError(unknown, 404, "not_found");
      await cancel(id, token);
    });

    test("422 for a wait that would close a circle, saying of which runs", async () => {
      const agent = await FakeAgent.enrol(platform());
      const idempotencyKey = randomUUID();
      const above = await agent.execute("hello", { idempotencyKey });
      const below = await agent.execute("other", {
        ...{ parentRunId: above.runId, resumeParentOnCompletion: true },
      });
      const waits = [{ kind: "run" as const, runId: below.runId }];
      await agent.report([{ ...fenceOf(above), kind: "waiting", waits }]);
      const answer = await post({
        ...{ parentRunId: below.runId, resumeParentOnCompletion: true, idempotencyKey },
      });
      const { error } = expectError(answer, 422, "unprocessable");
      expect(error).toContain(above.runId);
      expect(error).toContain(below.runId);
      await agent.complete(below);
      await agent.complete(await agent.lease(above.runId));
    });

    test("20 triggers at once with one key make one run, and one of them is told that it made it", async () => {
      const options = { idempotencyKey: randomUUID() };
      const answers = await Promise.all(Array.from({ length: 20 }, () => made(post(options))));
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      expect(answers.filter(({ isCached }) => !isCached)).toHaveLength(1);
    });

    test("a request that is sent again is the same run, with an idempotency key or without", async () => {
      for (const options of [{}, { idempotencyKey: randomUUID() }]) {
        const headers = { "x-trigger-request-idempotency-key": randomUUID() };
        const first = await made(post(options, "hello", headers));
        const answers = await Promise.all([1, 2, 3].map(() => made(post(options, "hello", headers))));
        for (const { id } of answers) expect(id).toBe(first.id);
        expect((await made(post({}, "hello", { ...headers, "x-other": "1" }))).id).toBe(first.id);
      }
    });
  });
