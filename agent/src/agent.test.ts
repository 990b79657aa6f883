import { spawnSync } from "node:child_process";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Lease } from "@longshore/shared/contract/agent-protocol";
import { systemClock } from "@longshore/shared/core/clock";
import { afterEach, expect, test } from "vitest";
import { startAgent } from "./agent.ts";
import { type Harness, makeHarness } from "./testing/harness.ts";
import { makeLease } from "./testing/make-lease.ts";

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const slow = `run: async () => {
  for (let i = 0; i < 30; i++) { console.log("tick " + i); await new Promise((r) => setTimeout(r, 100)); }
  return "slept";
}`;
const ticks = Array.from({ length: 30 }, (_, i) => `tick ${i}`);

const long = slow.replace("i < 30", "i < 60");

/** When lines were said, and what the run counts as its execution without the longest time it stood still. Units: milliseconds. */
const timesOf = (runId: string) => {
  const facts = harness.factsOf(runId);
  const lines = facts.flatMap((fact) => (fact.kind === "log" ? fact.lines : []));
  const at = lines.map((line) => Date.parse(line.at));
  const stillMs = Math.max(...at.map((ms, i) => ms - (at[i - 1] ?? ms)));
  const last = facts.at(-1);
  const executedMs = last && "executedMs" in last ? last.executedMs : Number.NaN;
  const wholeMs = Date.parse(last?.at ?? "") - Date.parse(facts[0]?.at ?? "");
  return { stillMs, executedMs, wholeMs };
};
const expectUncountedStill = (runId: string): void => {
  const { stillMs, executedMs, wholeMs } = timesOf(runId);
  expect(stillMs).toBeGreaterThan(1_500);
  // It counts from within the process and stands still between two lines.
  expect(executedMs).toBeLessThan(wholeMs - stillMs + 700);
};

let harness: Harness;
afterEach(() => harness.close());

test("an agent killed mid-run finds its run again: it completes once and no line is lost", {
  timeout: 40_000,
}, async () => {
  harness = await makeHarness();
  const lease = makeLease(await harness.bundle({ slow }), "slow");
  const first = harness.spawn();
  harness.api.lease(lease);
  await harness.api.until("some lines", () => harness.lines(lease.runId).length >= 3);
  first.kill("SIGKILL");
  await new Promise((resolve) => first.once("exit", resolve));
  harness.spawn();
  expect(await harness.final(lease.runId, 25_000)).toMatchObject({ kind: "completed", output: "slept" });
  expect(harness.lines(lease.runId)).toEqual(ticks);
  const kinds = harness.factsOf(lease.runId).map((fact) => fact.kind);
  expect(kinds.filter((kind) => kind === "started" || kind === "completed")).toEqual([
    "started",
    "completed",
  ]);
});

test("stopping lets go of runs, and the next start takes them up", { timeout: 30_000 }, async () => {
  harness = await makeHarness();
  const lease = makeLease(await harness.bundle({ slow }), "slow");
  const first = await harness.start();
  harness.api.lease(lease);
  await harness.api.until("some lines", () => harness.lines(lease.runId).length >= 3);
  await first.stop();
  expect((await first.done).kind).toBe("stopped");
  await harness.start();
  expect(await harness.final(lease.runId)).toMatchObject({ kind: "completed" });
  expect(harness.lines(lease.runId)).toEqual(ticks);
});

test("an agent that ends its runs with itself says so, and leaves nothing", { timeout: 30_000 }, async () => {
  harness = await makeHarness({ endRunsOnStop: true });
  const lease = makeLease(await harness.bundle({ long }), "long");
  const agent = await harness.start();
  harness.api.lease(lease);
  await harness.api.until("some lines", () => harness.lines(lease.runId).length >= 3);
  await agent.stop();
  expect(harness.factsOf(lease.runId).at(-1)).toMatchObject({
    kind: "failed",
    error: { code: "TASK_RUN_LEASE_LOST", message: "The agent that executed this run was stopped." },
  });
  expect(await readdir(join(harness.config.dataDir, "runs"))).toEqual([]);
});

test("facts wait for an API that is away, and arrive once and in order", { timeout: 30_000 }, async () => {
  harness = await makeHarness();
  const lease = makeLease(await harness.bundle({ slow }), "slow");
  await harness.start();
  harness.api.lease(lease);
  await harness.api.until("some lines", () => harness.lines(lease.runId).length >= 3);
  harness.api.setDown(true);
  await new Promise((resolve) => setTimeout(resolve, 3_000)); // the outage under test
  harness.api.setDown(false);
  expect(await harness.final(lease.runId, 25_000)).toMatchObject({ kind: "completed" });
  expect(harness.lines(lease.runId)).toEqual(ticks);
  const seqs = harness.api.facts.map((fact) => fact.seq);
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
});

test("code that becomes current is fetched before a run asks for it", async () => {
  harness = await makeHarness();
  await harness.start();
  const hash = await harness.bundle({ slow });
  harness.api.promote(hash);
  const folder = join(harness.config.dataDir, "bundles", hash);
  await expect
    .poll(() =>
      stat(folder).then(
        (found) => found.isDirectory(),
        () => false,
      ),
    )
    .toBe(true);
});

test("an agent with pinned keys fetches nothing whose signature it has not checked", async () => {
  harness = await makeHarness();
  await harness.start({ trustedKeys: ["A".repeat(43)] });
  const hash = await harness.bundle({ slow });
  harness.api.promote(hash);
  const lease = makeLease(hash, "slow");
  harness.api.lease(lease);
  expect(await harness.final(lease.runId)).toMatchObject({ kind: "released", retryable: false });
  const told = harness.api.polls.length;
  await harness.api.until("another poll", () => harness.api.polls.length > told);
  expect(harness.api.fetched).toEqual([]);
});

test("runs are frozen while the API is silent, and go on with it", { timeout: 30_000 }, async () => {
  harness = await makeHarness();
  Object.assign(harness.api.state.settings, { leaseMs: 6_000, beatMs: 300, holdMs: 500 });
  const lease = makeLease(await harness.bundle({ long }), "long");
  const agent = await harness.start();
  harness.api.lease(lease);
  await harness.api.until("some lines", () => harness.lines(lease.runId).length >= 3);
  harness.api.setDown(true);
  await harness.api.until("the freeze", () => agent.status().paused, 8_000);
  // What was said before the freeze is in the outbox; nothing may be added to it now.
  const said = agent.status().outbox.bytes;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(agent.status().outbox.bytes).toBe(said);
  harness.api.setDown(false);
  await harness.api.until("the thaw", () => !agent.status().paused, 25_000);
  expect(await harness.final(lease.runId, 25_000)).toMatchObject({ kind: "completed" });
  expect(harness.lines(lease.runId)).toHaveLength(60);
  expectUncountedStill(lease.runId);
});

test.each([
  { api: "that says when it renewed the lease", saysRenewal: true, freezes: 0 },
  { api: "that does not say", saysRenewal: false, freezes: 1 }, // until the beat that follows at once
])(
  "a run that comes with a poll held for longer than the fence goes on at once, from an API $api",
  {
    timeout: 30_000,
  },
  async ({ saysRenewal, freezes }) => {
    harness = await makeHarness();
    // A beat would thaw it as well, much later.
    Object.assign(harness.api.state.settings, { leaseMs: 6_000, beatMs: 20_000, holdMs: 500 });
    harness.api.state.saysRenewal = saysRenewal;
    const lease = makeLease(await harness.bundle({ greet: `run: () => "hello"` }), "greet");
    const warned: string[] = [];
    const agent = await startAgent(harness.config, {
      logger: { ...quiet, warn: (message) => void warned.push(message) },
    });
    try {
      await harness.api.until("settings that it knows", () => harness.api.polls.length > 1);
      harness.api.state.settings.holdMs = 20_000;
      const held = harness.api.polls.length;
      await harness.api.until("a poll that is held for long", () => harness.api.polls.length > held);
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // longer than the fence under test
      harness.api.lease(lease);
      expect(await harness.final(lease.runId, 10_000)).toMatchObject({ kind: "completed" });
      expect(warned.filter((message) => message.includes("frozen")).length).toBeLessThanOrEqual(freezes);
    } finally {
      await agent.stop();
    }
  },
);

test("a run without its agent freezes before its lease is over, and the next agent thaws it", {
  timeout: 40_000,
}, async () => {
  harness = await makeHarness();
  Object.assign(harness.api.state.settings, { leaseMs: 4_000, beatMs: 300, holdMs: 500 });
  const lease = makeLease(await harness.bundle({ long }), "long");
  const first = harness.spawn();
  await harness.api.until("its first poll", () => harness.api.polls.length > 1);
  harness.api.lease(lease);
  await harness.api.until("some lines", () => harness.lines(lease.runId).length >= 3);
  first.kill("SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 4_500)); // longer than the fence under test
  harness.spawn();
  expect(await harness.final(lease.runId, 25_000)).toMatchObject({ kind: "completed" });
  expect(harness.lines(lease.runId)).toHaveLength(60);
  expectUncountedStill(lease.runId);
});

test.each([404, 403, 401, 302, 413])(
  "what something in the API's place answers (%i) loses no fact and ends no agent",
  {
    timeout: 30_000,
  },
  async (status) => {
    harness = await makeHarness();
    const say = `run: async () => { console.log("begun"); await new Promise((r) => setTimeout(r, 1_000)); return "said"; }`;
    const lease = makeLease(await harness.bundle({ say }), "say");
    const agent = await harness.start();
    harness.api.lease(lease);
    await harness.api.until("its first line", () => harness.lines(lease.runId).includes("begun"));
    harness.api.state.stranger = status;
    await harness.api.until("an end that waits", () => agent.status().outbox.facts > 0, 10_000);
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // several tries
    expect(harness.factsOf(lease.runId).some(({ kind }) => kind === "completed")).toBe(false);
    harness.api.state.stranger = null;
    expect(await harness.final(lease.runId, 20_000)).toMatchObject({
      kind: "completed",
      output: expect.stringContaining("said"),
    });
    expect(harness.api.repeats).toEqual([]);
  },
);

test("an end that the API refuses ends its run with the reason, and no output in the agent's log", async () => {
  harness = await makeHarness();
  const lease = makeLease(await harness.bundle({ tell: `run: () => "private"` }), "tell");
  harness.api.state.refusalOf = ({ kind }) =>
    kind === "completed" ? "output: is not what it should be" : null;
  const logged: unknown[] = [];
  const agent = await startAgent(harness.config, {
    logger: { ...quiet, error: (...said) => void logged.push(said) },
  });
  try {
    harness.api.lease(lease);
    expect(await harness.final(lease.runId)).toMatchObject({
      kind: "failed",
      error: { code: "TASK_OUTPUT_ERROR", message: expect.stringContaining("is not what it should be") },
      retry: { skip: true },
    });
    await harness.api.until("an empty outbox", () => agent.status().outbox.facts === 0);
    expect(JSON.stringify(logged)).toContain("refused a fact");
    expect(JSON.stringify(logged)).not.toContain("private");
  } finally {
    await agent.stop();
  }
});

test("nothing is left behind: no folder, no slot, no fact", async () => {
  harness = await makeHarness();
  const agent = await harness.start();
  const hash = await harness.bundle({ nothing: `run: () => undefined` });
  const leases = Array.from({ length: 6 }, () => makeLease(hash, "nothing"));
  for (const lease of leases) harness.api.lease(lease);
  for (const lease of leases) await harness.final(lease.runId);
  await harness.api.until("an empty agent", () => {
    const { held, outbox, free, slots } = agent.status();
    return held.length === 0 && outbox.facts === 0 && free === slots;
  });
  await agent.stop();
  expect(await readdir(join(harness.config.dataDir, "runs"))).toEqual([]);
});

test("never more runs at once than there are slots", { timeout: 30_000 }, async () => {
  harness = await makeHarness({ slots: 2 });
  const hash = await harness.bundle({ nap: `run: () => new Promise((r) => setTimeout(() => r("x"), 200))` });
  await harness.start();
  const leases = Array.from({ length: 8 }, () => makeLease(hash, "nap"));
  for (const lease of leases) harness.api.lease(lease);
  for (const lease of leases) await harness.final(lease.runId);
  let running = 0;
  let most = 0;
  for (const fact of harness.api.facts) {
    if (fact.kind === "started") most = Math.max(most, ++running);
    if (fact.kind === "completed") running--;
  }
  expect(most).toBe(2);
});

test("runs never ask for more together than the host may give, and a larger one waits for its room", {
  timeout: 30_000,
}, async () => {
  harness = await makeHarness({ slots: 8, cpus: 1, memoryMb: 4_096 });
  const hash = await harness.bundle({ nap: `run: () => new Promise((r) => setTimeout(() => r("x"), 200))` });
  const agent = await harness.start();
  const small = Array.from({ length: 5 }, () => makeLease(hash, "nap"));
  const whole = makeLease(hash, "nap", { machine: "medium-1x" });
  const huge = makeLease(hash, "nap", { machine: "medium-2x" });
  for (const lease of [small[0], huge, whole, ...small.slice(1)]) harness.api.lease(lease as Lease);
  for (const lease of [...small, whole]) await harness.final(lease.runId);
  const cpus = new Map([...small.map(({ runId }) => [runId, 0.5] as const), [whole.runId, 1] as const]);
  let taken = 0;
  let most = 0;
  for (const { kind, runId } of harness.api.facts) {
    if (kind === "started") taken += cpus.get(runId) ?? 0;
    if (kind === "completed") taken -= cpus.get(runId) ?? 0;
    most = Math.max(most, taken);
  }
  expect(most).toBe(1);
  expect(harness.factsOf(huge.runId)).toEqual([]);
  const capacity = { cpu: 1, memoryMb: 4_096 };
  await harness.api.until("the whole room", () => agent.status().room?.cpu === 1);
  expect(agent.status()).toMatchObject({ capacity, room: capacity });
  expect(harness.api.polls[0]).toMatchObject({ capacity, room: capacity, free: 8 });
});

test("plain processes that were told of no size are counted only", async () => {
  harness = await makeHarness({ slots: 3 });
  const agent = await harness.start();
  await agent.accepted;
  expect(agent.status()).toMatchObject({ capacity: null, room: null });
  expect(harness.api.polls[0]?.room).toBeUndefined();
});

const canMount = process.platform === "linux" && process.getuid?.() === 0;

test.skipIf(!canMount)(
  "a run whose code finds no room on this disk goes back, and the next is not taken at once",
  async () => {
    harness = await makeHarness();
    const disk = join(harness.config.dataDir, "bundles");
    await mkdir(disk, { recursive: true });
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", disk]).status).toBe(0);
    try {
      const hash = await harness.bundle({ nothing: `run: () => undefined` }, `// ${"x".repeat(300_000)}`);
      const agent = await harness.start();
      const lease = makeLease(hash, "nothing");
      harness.api.lease(lease);
      const said = await harness.final(lease.runId);
      expect(said).toMatchObject({
        kind: "released",
        retryable: true,
        reason: expect.stringContaining("ENOSPC"),
      });
      expect(agent.status().problems).toEqual([expect.stringContaining("ENOSPC")]);
      expect(agent.status().free).toBeLessThanOrEqual(1);
      expect(spawnSync("mount", ["-o", "remount,size=8m", disk]).status).toBe(0);
      const again = makeLease(hash, "nothing", { runId: lease.runId, epoch: 2 });
      harness.api.lease(again);
      await harness.api.until("it runs", () => harness.factsOf(lease.runId).at(-1)?.kind === "completed");
      expect(agent.status().problems).toEqual([]);
    } finally {
      spawnSync("umount", ["-l", disk]);
    }
  },
);

test("a revoked agent ends with words that say what to do", async () => {
  harness = await makeHarness();
  const agent = await harness.start();
  harness.api.state.refuseWith = { status: 401, code: "agent_revoked", error: "revoked" };
  const end = await agent.done;
  expect(end).toMatchObject({ kind: "fatal", isForGood: true });
  expect((end as { reason: string }).reason).toContain("was revoked. Enrol it again");
});

test.each([
  ["that another process replaced", { status: 409, code: "session_superseded", error: "newer" }, 78],
  [
    "whose identity is not known, perhaps for its clock",
    { status: 401, code: "unauthorized", error: "who?" },
    1,
  ],
])(
  "the process of an agent %s ends so that supervisors know whether to start it again",
  async (_, refusal, code) => {
    harness = await makeHarness();
    const child = harness.spawn();
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await harness.api.until("a poll", () => harness.api.polls.length >= 2);
    harness.api.state.refuseWith = refusal;
    expect(await ended).toBe(code);
    harness.api.state.refuseWith = null;
  },
);

test("after its clock was set back an agent is still newer than it was", async () => {
  harness = await makeHarness();
  const first = await harness.start();
  await first.accepted;
  await first.stop();
  const clock = { ...systemClock, now: () => systemClock.now() - 300_000 };
  const agent = await startAgent(harness.config, { logger: quiet, clock });
  await agent.accepted;
  await agent.stop();
  const boots = [...new Set(harness.api.polls.map(({ bootId }) => bootId))];
  expect(boots).toHaveLength(2);
  expect(boots).toEqual([...boots].sort());
});

test("a spent token is a clear error, and the identity is private", async () => {
  harness = await makeHarness();
  await expect(startAgent({ ...harness.config, enrolToken: "spent" }, { logger: quiet })).rejects.toThrow(
    /spent token/,
  );
  await harness.start();
  const { mode } = await stat(join(harness.config.dataDir, "identity.json"));
  expect(mode & 0o777).toBe(0o600);
});

test("a second agent on the same folder is refused", async () => {
  harness = await makeHarness();
  await harness.start();
  await expect(startAgent(harness.config, { logger: quiet })).rejects.toThrow(/Another agent/);
});

test("a host short of memory gives up idle processes first, then the largest waiting run", {
  timeout: 60_000,
}, async () => {
  harness = await makeHarness({ slots: 2 });
  const waits = `run: async () => (await host().wait([{ kind: "token", id: "waitpoint_1" }]))[0].output`;
  const hash = await harness.bundle({ waits, nothing: `run: () => undefined` });
  const first = await harness.start();
  const [small, large] = [makeLease(hash, "waits"), makeLease(hash, "waits", { machine: "medium-1x" })];
  for (const lease of [small, large]) {
    harness.api.lease(lease);
    await harness.api.until("its wait", () =>
      harness.factsOf(lease.runId).some((fact) => fact.kind === "waiting"),
    );
  }
  const last = makeLease(hash, "nothing");
  harness.api.lease(last);
  await harness.final(last.runId);
  await harness.api.until("an idle process", () => first.status().pool.warm === 1);
  await first.stop();
  const agent = await harness.start({ memoryFreeMbMin: 10_000_000 });
  const held = () => agent.status().held.map(({ runId }) => runId);
  await harness.api.until("the end of one waiting run", () => held().length === 1, 20_000);
  expect(held()).toEqual([small.runId]);
  harness.api.lease({ ...large, kind: "continue", epoch: 2, waits: [] });
  expect(await harness.final(large.runId)).toMatchObject({
    kind: "failed",
    epoch: 2,
    error: { code: "TASK_RUN_CONTINUATION_LOST", message: expect.stringContaining("short of memory") },
  });
});
