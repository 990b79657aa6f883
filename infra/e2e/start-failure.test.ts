import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDocker } from "../src/services/connect-docker.ts";
import { needs } from "../src/testing/need.ts";
import { ended, spawnCli, spawnPart } from "./stage/spawn-part.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const host = needs("docker");
const image = needs("runnerImage");
const hasDocker = Boolean(host && image);
const noImageRepo = "127.0.0.1:9/longshore/none";
const noImage = `${noImageRepo}:1`;
const says = `The runner image ${noImage} is not on the agent's host. Pull it there, or set LONGSHORE_RUNNER_IMAGE.`;
const good =
  'import { task } from "@longshore/sdk";\nexport const one = task({ id: "one", run: async () => 1 });\n';

describe.concurrent("what cannot start says why", () => {
  let stage: Stage;
  let logs = 0;
  const logFile = () => join(stage.folder, `part-${++logs}.log`);
  beforeAll(async () => {
    stage = await startStage("start-failure");
    await stage.deploy(stage.project({ "trigger/one.ts": good }));
  });
  afterAll(() => stage?.close());

  test.skipIf(!hasDocker)(
    "a missing image is named within seconds, and after all tries fails the run",
    {
      timeout: 90_000,
    },
    async () => {
      const { client } = stage;
      // The agent makes sure of its image when it starts; this one goes away afterwards.
      const docker = connectDocker(host);
      await docker.getImage(image ?? "").tag({ repo: noImageRepo, tag: "1" });
      await stage.agent({ name: "no-image", runtime: "docker", runnerImage: noImage });
      await docker.getImage(noImage).remove();
      const { id } = await client.tasks.trigger("one", {});
      const explained = await until("the reason", async () => {
        const answer = await client.runs.explain(id);
        return answer.code === "retry_scheduled" && answer;
      });
      expect(explained.sentence).toContain(says);
      // One, two, four, eight and sixteen seconds: it is tried six times.
      const run = await client.runs.poll(id, { pollIntervalMs: 250 });
      expect(run).toMatchObject({ status: "SYSTEM_FAILURE", error: { message: says } });
      const { events } = await client.runs.timeline(id);
      expect(events.filter(({ kind }) => kind === "release")).toHaveLength(6);
    },
  );

  test("a task file that throws at import is named by file and line, and changes nothing", async () => {
    const { apiKey, client, url } = stage;
    const before = (await client.tasks.list()).data.map(({ version }) => version);
    const broken = `${good}\nthrow new Error("no such region: mars");\n`;
    const dir = stage.project({ "trigger/broken.ts": broken });
    const args = ["deploy", dir, "--api-url", url, "--api-key", apiKey];
    const { code, output } = await ended(await spawnCli(args, { logFile: logFile() }));
    expect(code).toBe(1);
    expect(output).toContain("no such region: mars");
    expect(output).toMatch(/trigger\/broken\.ts:4/);
    expect((await client.tasks.list()).data.map(({ version }) => version)).toEqual(before);
  });

  test("a revoked agent ends with one clear line", async () => {
    const { client, url, apiKey } = stage;
    const agent = await stage.spawnAgent("revoked", "process");
    const known = await until("the agent", async () =>
      (await client.agents.list()).data.find(({ name, status }) => name === "revoked" && status === "online"),
    );
    const answer = await fetch(`${url}/api/v1/agents/${known.id}/revoke`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}` },
    });
    expect(answer.status).toBe(200);
    const { code, output } = await ended(agent);
    expect(code).toBe(78);
    expect(output.split("\n").filter((line) => line.includes("was revoked"))).toHaveLength(1);
    expect(output).not.toContain("    at ");
  });

  const wrong: { names: string; env: Record<string, string> }[] = [
    { names: "LONGSHORE_SECRET", env: { DATABASE_URL: "postgres://nobody@127.0.0.1:9/none" } },
    { names: "PORT", env: { PORT: "abc" } },
    { names: "DATABASE_URL", env: { DATABASE_URL: "mysql://127.0.0.1/none" } },
    { names: "REDIS_URL", env: { REDIS_URL: "127.0.0.1:6379" } },
  ];
  test.each(wrong)("a server with a wrong $names names it and starts nothing", async ({ names, env }) => {
    const file = logFile();
    const dataDir = `${file}.data`;
    const { code, output } = await ended(
      await spawnCli(["server", "--data-dir", dataDir], {
        logFile: file,
        env: { ...env, LONGSHORE_DATA: dataDir },
      }),
    );
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`${names} (is missing: it )?should be`));
    expect(output).not.toContain("    at ");
    expect(existsSync(dataDir)).toBe(false);
  });

  test("an agent without an address names the variable", async () => {
    const { code, output } = await ended(await spawnPart("agent/src/main.ts", [], { logFile: logFile() }));
    expect(code).toBe(1);
    expect(output).toContain("LONGSHORE_URL: the address of the API");
  });
});
