import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { BundleHash } from "@longshore/shared/contract/deployments";
import pg from "pg";
import { atEnd } from "../services/at-end.ts";
import { createDatabase } from "../services/create-database.ts";
import { makeTempFolder } from "../services/temp-folder.ts";
import { createHttp, type Http } from "./http.ts";

/** An API on an empty database with one deployed task, ready to be measured. */
export type Stage = {
  http: Http;
  url: string;
  apiKey: string;
  environmentId: string;
  sql: pg.Client;
  databaseUrl: string;
  /** The process that serves it. */
  pid: number;
  trigger(payload?: unknown): Promise<string>;
  /** Statements that the API has sent so far. */
  statements(): Promise<number>;
  close(): Promise<void>;
};

type Ready = { url: string; apiKey: string; environmentId: string };

const deploy = async (http: Http, apiKey: string, sql: pg.Client): Promise<void> => {
  const headers = { authorization: `Bearer ${apiKey}` };
  const hash = BundleHash.parse(randomBytes(32).toString("hex"));
  // What a bundle holds does not matter here: nothing executes it.
  await sql.query("insert into bundles (project_id, hash, size_bytes) select id, $1, 1 from projects", [
    hash,
  ]);
  const task = { id: "noop", filePath: "noop.ts" };
  const manifest = {
    format: 1,
    entry: "index.mjs",
    runtime: "node",
    runtimeVersion: "20",
    sdkVersion: "0",
    cliVersion: "0",
    tasks: [task],
  };
  const { id } = await http.json<{ id: string }>(
    "POST",
    "/api/v1/deployments",
    { bundleHash: hash, manifest },
    headers,
  );
  await http.json("POST", `/api/v1/deployments/${id}/finalise`, undefined, headers);
  await http.json("POST", `/api/v1/deployments/${id}/promote`, undefined, headers);
};

/**
 * Starts the API as a child on a new database of the given server, or on one that is there.
 * Units: `sweepMs` milliseconds, the API's own pause when absent.
 */
export const openStage = async (
  postgresUrl: string,
  options: { sweepMs?: number; databaseUrl?: string } = {},
): Promise<Stage> => {
  const databaseUrl = options.databaseUrl ?? (await createDatabase(postgresUrl, "bench"));
  const folder = makeTempFolder("bench");
  const child = fork(fileURLToPath(new URL("./serve.ts", import.meta.url)), {
    execArgv: ["--import", "tsx"],
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      LONGSHORE_MIGRATE: "1",
      LONGSHORE_SECRET: randomBytes(32).toString("hex"),
      LONGSHORE_DATA: folder.path,
      LONGSHORE_CONCURRENCY: "100000",
      BENCH_SWEEP_MS: String(options.sweepMs ?? 0),
    },
  });
  const forget = atEnd({
    stop: async () => void child.kill("SIGTERM"),
    killNow: () => void child.kill("SIGKILL"),
  });
  const [ready] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => Promise.reject(new Error("the API did not start"))),
  ])) as [Ready];
  const sql = new pg.Client({ connectionString: databaseUrl });
  await sql.connect();
  const http = createHttp(ready.url);
  if (options.databaseUrl === undefined) await deploy(http, ready.apiKey, sql);
  const headers = { authorization: `Bearer ${ready.apiKey}` };
  return {
    http,
    ...ready,
    sql,
    databaseUrl,
    pid: child.pid ?? 0,
    trigger: async (payload = {}) =>
      (await http.json<{ id: string }>("POST", "/api/v1/tasks/noop/trigger", { payload }, headers)).id,
    statements: async () => {
      child.send("count");
      const [answer] = (await once(child, "message")) as [{ statements: number }];
      return answer.statements;
    },
    close: async () => {
      http.close();
      await sql.end();
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
      forget();
      folder.remove();
    },
  };
};
