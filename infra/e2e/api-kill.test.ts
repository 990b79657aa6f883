import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createDatabase } from "../src/services/create-database.ts";
import { freePort } from "../src/services/free-port.ts";
import { needs } from "../src/testing/need.ts";
import { type Part, spawnCli } from "./stage/spawn-part.ts";
import { type Stage, type StageApi, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const postgresUrl = needs("postgres");
const redisUrl = needs("redis");
const runs = 200;
/** The API is killed when so many triggers were acknowledged. */
const killAt = 120;

/** Says when each execution begins and ends, in a file that all of them append to. */
const marking = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@longshore/sdk";
export const marking = task({
  id: "marking",
  retry: { maxAttempts: 3, minTimeoutInMs: 100 },
  run: async (payload: { file: string; number: number }, { ctx }) => {
    const mark = (what: string) => appendFileSync(payload.file, \`\${ctx.run.id} \${what} \${process.pid}\\n\`);
    mark("start");
    await sleep(50);
    mark("end");
    return payload.number;
  },
});
`;

/** Errors: throws when an execution of a run begins while another one of it is under way. Shape: executions by run. */
const countExecutions = (text: string): Map<string, number> => {
  const underWay = new Set<string>();
  const counts = new Map<string, number>();
  for (const line of text.split("\n").filter(Boolean)) {
    const [id = "", what] = line.split(" ");
    if (what === "end") underWay.delete(id);
    else if (underWay.has(id)) throw new Error(`${id} was executed twice at once`);
    else {
      underWay.add(id);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  return counts;
};

describe.skipIf(!postgresUrl || !redisUrl)("an API that is killed in the middle of its work", () => {
  let stage: Stage | undefined;
  let server: Part | undefined;
  let startServer: () => Promise<Part>;
  afterAll(() => stage?.close());

  const openApi = async (folder: string): Promise<StageApi> => {
    const databaseUrl = await createDatabase(postgresUrl as string, "e2e_api_kill");
    const port = String(await freePort());
    const env = {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl as string,
      LONGSHORE_SECRET: randomBytes(32).toString("hex"),
      LONGSHORE_MIGRATE: "1",
      LONGSHORE_DATA: join(folder, "server"),
      HOST: "127.0.0.1",
      PORT: port,
    };
    let starts = 0;
    startServer = async () => {
      server = await spawnCli(["server", "--json"], { logFile: join(folder, `server-${++starts}.log`), env });
      return server;
    };
    const started = await startServer();
    const said = await until("the key", () => /^{[\s\S]*?^}|^{.*"apiKey".*}$/m.exec(started.output())?.[0], {
      saw: started.output,
    });
    const { url, apiKey } = JSON.parse(said) as { url: string; apiKey: string };
    const enrolToken = async () => {
      const headers = { authorization: `Bearer ${apiKey}` };
      const answer = await fetch(`${url}/api/v1/agents/enrol-tokens`, { method: "POST", headers });
      return ((await answer.json()) as { token: string }).token;
    };
    return { url, apiKey, enrolToken, close: async () => server?.stop() };
  };

  test("every acknowledged run completes, none is executed twice at once", { timeout: 150_000 }, async () => {
    stage = await startStage("api-kill", openApi);
    const { client } = stage;
    await stage.agent({ slots: 6 });
    await stage.deploy(stage.project({ "trigger/marking.ts": marking }));
    const file = join(stage.folder, "marks");
    writeFileSync(file, "");

    const acknowledged = new Set<string>();
    let next = 0;
    const triggerAll = async (): Promise<void> => {
      while (next < runs) {
        const number = next++;
        // While the API is away the caller does what callers do: the same again.
        const { id } = await until(
          `run ${number} is acknowledged`,
          () =>
            client.tasks
              .trigger("marking", { file, number }, { idempotencyKey: `run-${number}` })
              .catch(() => null),
          { withinMs: 60_000 },
        );
        acknowledged.add(id);
      }
    };
    const triggering = Promise.all([triggerAll(), triggerAll(), triggerAll(), triggerAll()]);
    await until("the moment", () => acknowledged.size >= killAt, { withinMs: 60_000 });
    await until("runs at work", () => readFileSync(file, "utf8").includes("start"));
    server?.kill("SIGKILL");
    await server?.untilExit();
    await startServer();
    await triggering;
    expect(acknowledged.size).toBe(runs);

    const unfinished = async () => {
      const query = { status: ["QUEUED", "DEQUEUED", "EXECUTING", "DELAYED", "WAITING"] as const, limit: 5 };
      const page = await client.runs.list({ ...query, status: [...query.status] });
      return page.data.map(({ id, status }) => `${id} ${status}`);
    };
    await until("all runs are over", async () => (await unfinished()).length === 0, {
      withinMs: 90_000,
      saw: unfinished,
    });
    const seen = new Map<string, { status: string; attempts: number; output: unknown }>();
    for (const id of acknowledged) {
      const run = await client.runs.retrieve(id);
      const output = "output" in run ? run.output : undefined;
      seen.set(id, { status: run.status, attempts: run.attemptCount, output });
    }
    expect([...seen.values()].filter(({ status }) => status !== "COMPLETED")).toEqual([]);
    // Each payload is answered by one run.
    expect(new Set([...seen.values()].map(({ output }) => output)).size).toBe(runs);
    const executions = countExecutions(readFileSync(file, "utf8"));
    expect([...executions.keys()].sort()).toEqual([...acknowledged].sort());
    const repeated = [...executions].filter(([id, count]) => count > (seen.get(id)?.attempts ?? 0));
    expect(repeated).toEqual([]);
  });
});
