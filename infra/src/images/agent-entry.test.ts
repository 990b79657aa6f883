import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

let folder: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-entry-"));
  await chmod(folder, 0o755); // started by root, it becomes another user
  await build({
    entryPoints: [fileURLToPath(new URL("../../images/agent/entry.ts", import.meta.url))],
    outfile: join(folder, "entry.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
  });
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The image's entry with a stand-in for the agent. */
const begin = async (agent: string) => {
  await writeFile(join(folder, "agent.mjs"), agent);
  const child = spawn(process.execPath, [join(folder, "entry.mjs")], {
    env: { PATH: process.env.PATH, LONGSHORE_AGENT_DATA: join(folder, "data") },
  });
  children.push(child);
  let said = "";
  const saw = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => said.includes(text) && resolve();
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (part) => {
          said += part;
          look();
        });
      look();
    });
  const ended = once(child, "exit").then(([code]) => code as number);
  return { child, saw, ended };
};

test("an agent that no restart mends leaves its container up, until that is stopped", async () => {
  const { child, saw, ended } = await begin("process.exit(78)");
  await saw("no restart mends why the agent ended");
  expect(child.exitCode).toBeNull();
  child.kill("SIGTERM");
  expect(await ended).toBe(78);
});

test("any other end of the agent is the container's, so that the engine starts it again", async () => {
  expect(await (await begin("process.exit(1)")).ended).toBe(1);
  expect(await (await begin("process.exit(0)")).ended).toBe(0);
  expect(await (await begin('process.kill(process.pid, "SIGKILL")')).ended).toBe(137);
});

test("the agent hears each signal, and says how it ends", async () => {
  const { child, saw, ended } = await begin(`
    let heard = 0;
    process.on("SIGTERM", () => { console.log("heard " + ++heard); if (heard === 2) process.exit(7); });
    setInterval(() => {}, 1000);
    console.log("up");
  `);
  await saw("up");
  child.kill("SIGTERM");
  await saw("heard 1");
  child.kill("SIGTERM");
  expect(await ended).toBe(7);
});
