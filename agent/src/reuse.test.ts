import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Harness, makeHarness } from "./testing/harness.ts";
import { makeLease } from "./testing/make-lease.ts";

const get = '{ method: "GET", headers: {}, body: null }';
const tasks = {
  ends: "run: () => 1",
  leaves: `run: () => { void host().request("/slow", ${get}).catch(() => {}); return new Promise((done) => setTimeout(done, 50)); }`,
  asks: `run: async () => (await host().request("/mine", ${get})).text()`,
};

let harness: Harness;
afterEach(() => harness.close());

test("an answer that comes after its run has ended reaches no other run of the container", {
  timeout: 40_000,
}, async () => {
  harness = await makeHarness({ slots: 1 });
  const { api } = harness;
  const hash = await harness.bundle(tasks);
  let answerSlow = () => {};
  const slow = new Promise<void>((resolve) => {
    answerSlow = resolve;
  });
  const isAsked = (path: string) => api.forwarded.some((call) => call.path === path);
  api.state.onForward = async ({ path }) => {
    if (path === "/slow") await slow;
    else {
      // The late one goes out first, while this run waits for its own.
      answerSlow();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    return { status: 200, body: { path } };
  };
  await harness.start();
  const first = makeLease(hash, "leaves");
  api.lease(first);
  await harness.final(first.runId, 20_000);
  expect(isAsked("/slow")).toBe(true);

  const second = makeLease(hash, "asks");
  api.lease(second);
  expect(await harness.final(second.runId, 20_000)).toMatchObject({
    output: expect.stringContaining("/mine"),
  });
});

/** Run ids in the records of containers, null for none, one for each time that it was written. */
const recorded = (dataDir: string): (string | null)[] => {
  const root = join(dataDir, "runs");
  return readdirSync(root).flatMap((name) => {
    const lines = readFileSync(join(root, name, "container.json"), "utf8")
      .trim()
      .split("\n");
    return lines.map((line) => {
      const { run } = JSON.parse(line) as { run: { lease: { runId: string } } | null };
      return run?.lease.runId ?? null;
    });
  });
};

test("the record of a container names the run that is in it, in place of the one before, and none once nothing follows", {
  timeout: 40_000,
}, async () => {
  harness = await makeHarness({ slots: 1 });
  const { api, config } = harness;
  const hash = await harness.bundle(tasks);
  await harness.start();
  const leases = Array.from({ length: 4 }, () => makeLease(hash, "ends"));
  for (const lease of leases) api.lease(lease);
  for (const { runId } of leases) await harness.final(runId, 20_000);
  await expect.poll(() => recorded(config.dataDir).at(-1)).toBeNull();
  const named = recorded(config.dataDir).filter((runId) => runId !== null);
  expect([...new Set(named)]).toEqual(leases.map(({ runId }) => runId));
});
