import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeProgram } from "@longshore/shared/testing/node-program.fixture";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("a word behind the agent's program starts no agent: one line says where to ask", {
  timeout: 30_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "longshore-main-"));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const env = {
    PATH: process.env.PATH,
    LONGSHORE_URL: "http://127.0.0.1:9",
    LONGSHORE_ENROL_TOKEN: "token",
    LONGSHORE_AGENT_DATA: dataDir,
  };
  const ended = await new Promise<{ code: unknown; said: string }>((resolve) => {
    const args = [...nodeProgram(root, "agent/src/main.ts"), "status", "--json"];
    // One that starts waits for its API until it is ended.
    execFile(process.execPath, args, { env, timeout: 15_000 }, (error, _, said) =>
      resolve({ code: error?.code, said }),
    );
  });
  expect(ended.code).toBe(1);
  expect(ended.said).toMatch(
    /^This starts an agent and takes no arguments, but was given "status --json"\..*\n$/,
  );
  expect(await readdir(dataDir)).toEqual([]);
});
