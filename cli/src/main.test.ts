import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nodeProgram } from "@longshore/shared/testing/node-program.fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeApi, startFakeApi } from "./testing/fake-api.fixture.ts";
import { createProject } from "./testing/project.fixture.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** What is in PATH where this is a workspace; it compiles at each start. */
const bin = [fileURLToPath(new URL("../bin/longshore.js", import.meta.url))];
let api: FakeApi;
let project: Awaited<ReturnType<typeof createProject>>;

beforeAll(async () => {
  api = await startFakeApi();
  project = await createProject({
    "src/trigger/a.ts":
      'import { task } from "@longshore/sdk";\nexport const a = task({ id: "a", run: () => 1 });\n',
  });
});
afterAll(async () => {
  await api.close();
  await project.remove();
});

const start = (program: readonly string[], args: readonly string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { PATH: process.env.PATH, LONGSHORE_API_URL: api.url, LONGSHORE_SECRET_KEY: api.key };
    const options = { cwd: project.dir, env };
    const child = execFile(process.execPath, [...program, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
const longshore = (...args: string[]) => start(nodeProgram(root, "cli/src/main.ts"), args);

test("deploy --json prints nothing but the deployment", async () => {
  const { code, stdout, stderr } = await start(bin, ["deploy", "--env", "dev", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    version: "20260101.1",
    tasks: ["a"],
    promoted: true,
    project: "proj_fake",
    environment: "dev",
  });
  expect(stderr).toContain("promote");
});

test("a key of another environment is bad usage", async () => {
  const { code, stderr } = await longshore("deploy", "--env", "prod");
  expect(code).toBe(2);
  expect(stderr).toContain('error: the key belongs to "dev", not to "prod"');
  expect(stderr).toContain("next: ");
});

test("trigger --wait answers with the run, and fails when it failed", async () => {
  api.runs = [{ id: "run_1", status: "COMPLETED", lines: [], output: { n: 1 } }];
  const good = await longshore("trigger", "a", "--payload", '{"x":1}', "--wait", "--json");
  expect(good.code).toBe(0);
  expect(JSON.parse(good.stdout)).toMatchObject({ id: "run_1", output: { n: 1 } });
  api.runs = [{ id: "run_1", status: "FAILED", lines: [] }];
  const bad = await longshore("trigger", "a", "--wait");
  expect(bad.code).toBe(1);
  expect(bad.stdout).toContain("✗ run_1 FAILED after 1.2 s\nit broke\n");
});

test("runs list is a table without colours when it is no terminal", async () => {
  api.runs = [{ id: "run_1", status: "COMPLETED", lines: [] }];
  const { stdout } = await longshore("runs", "list");
  expect(stdout).toBe(
    "ID     TASK  STATUS     CREATED                   DURATION\nrun_1  a     COMPLETED  2026-01-01T00:00:00.000Z  1.2 s\n",
  );
});

test("a refused key and an unknown command end with their own exit codes", async () => {
  const refused = await longshore("runs", "get", "run_1", "--api-key", "wrong", "--json");
  expect(refused.code).toBe(3);
  expect(JSON.parse(refused.stdout).error.message).toContain("refused the key");
  expect((await longshore("frobnicate")).code).toBe(2);
});
