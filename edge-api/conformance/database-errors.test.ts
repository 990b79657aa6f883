import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DatabaseError } from "@longshore/edge-api/platform/migrate";
import { startServer } from "@longshore/edge-api/platform/node";
import { nodeProgram } from "@longshore/shared/testing/node-program.fixture";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDatabase } from "../../infra/src/services/create-database.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;
const root = fileURLToPath(new URL("../..", import.meta.url));
const unmigrated = "The database has not been migrated. Run: DATABASE_URL=… npx pnpm migrate";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "longshore-database-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** A port that nothing listens on: it was free a moment ago. */
const deadPort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
};

const variables = (url: string) => ({
  DATABASE_URL: url,
  LONGSHORE_SECRET: "0".repeat(64),
  LONGSHORE_DATA: dataDir,
  HOST: "127.0.0.1",
  PORT: "0",
});

const run = (file: string, args: string[], url: string) =>
  new Promise<{ code: number | null; output: string }>((resolve) => {
    const env = { PATH: process.env.PATH, NO_COLOR: "1", ...variables(url) };
    const child = spawn(process.execPath, [...nodeProgram(root, file), ...args], { env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (output += piece));
    child.once("close", (code) => resolve({ code, output }));
  });
const migrate = (url: string) => run("edge-api/src/platform/migrate-main.ts", [], url);
const serve = (url: string) => run("cli/src/main.ts", ["server"], url);

test("a dead database is one line with its host, its port and the reason", async () => {
  const port = await deadPort();
  const url = `postgres://user:hidden@127.0.0.1:${port}/none`;
  const line = `The database at 127.0.0.1:${port} cannot be reached: nothing listens there.`;
  expect(await migrate(url)).toEqual({ code: 1, output: `${line}\n` });
  expect(await serve(url)).toEqual({ code: 1, output: `error: ${line}\n` });
  const migrating = startServer({ ...variables(url), LONGSHORE_MIGRATE: "1" });
  await expect(migrating).rejects.toThrow(new DatabaseError(line));
});

describe.skipIf(serverUrl === undefined)("on Postgres", () => {
  test("a server on a database that was never migrated says how to, and starts once it is", async () => {
    const url = await createDatabase(serverUrl ?? "", "unmigrated");
    expect(await serve(url)).toEqual({ code: 1, output: `error: ${unmigrated}\n` });
    expect(await migrate(url)).toEqual({ code: 0, output: "The database is up to date.\n" });
    const server = await startServer(variables(url), { log: () => undefined });
    expect(server.mode).toBe("postgres");
    await server.close();
  });

  test("a database that does not exist is named by the server's own words", async () => {
    const url = new URL(serverUrl ?? "");
    url.pathname = "/longshore_none";
    const { code, output } = await migrate(url.href);
    expect(code).toBe(1);
    expect(output).toMatch(
      /^The database at \S+ cannot be reached: database "longshore_none" does not exist\.\n$/,
    );
  });
});
