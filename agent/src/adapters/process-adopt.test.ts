import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createProcessRuntime } from "./process.ts";

test("what an earlier process of the agent has frozen is found frozen, and can be thawed", async () => {
  const root = await mkdtemp(join(tmpdir(), "longshore-adopt-"));
  const dir = join(root, "runs/one");
  await mkdir(join(dir, "b"), { recursive: true });
  await writeFile(join(root, "runner.cjs"), "setInterval(() => {}, 1_000);");
  const first = createProcessRuntime(join(root, "runs"), "agent_a");
  const id = await first.start({
    labels: { key: "one" },
    machine: "micro",
    image: null,
    dir,
    socketDir: dir,
    bundleDir: join(dir, "b"),
    runnerDir: root,
    isAhead: false,
    env: {},
  });
  try {
    await first.pause(id);
    const next = createProcessRuntime(join(root, "runs"), "agent_a");
    // The signal arrives a moment after it was sent.
    await expect.poll(async () => (await next.list())[0]?.state.kind).toBe("paused");
    await next.resume(id);
    await expect.poll(async () => (await next.list())[0]?.state.kind).toBe("running");
  } finally {
    await first.remove(id);
    await rm(root, { recursive: true, force: true });
  }
});
