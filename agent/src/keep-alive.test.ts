import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { type Harness, makeHarness } from "./testing/harness.ts";
import { makeLease } from "./testing/make-lease.ts";

const prelude = `
import { closeSync, writeSync } from "node:fs";
const strays = {};
setInterval(() => {}, 1000);
// Acts once the run has sent its result, and not before, however slow the machine is.
const whenOver = (act) => {
  const timer = setInterval(() => {
    host().request("/x", { method: "GET", headers: {}, body: null }).catch(({ name }) => {
      if (name !== "RunOverError") return;
      clearInterval(timer);
      act();
    });
  }, 2);
};
`;
/** A task that writes this into the channel to its runner, and does not end. */
const forging = (text: string): string =>
  `run: async () => { writeSync(3, ${JSON.stringify(text)}); await new Promise(() => {}); }`;
const tasks = {
  spill: `run: async (_, { signal }) => {
    process.env.SPILL = "x";
    process.chdir("/");
    strays.signal = signal;
    const own = host().context.run.id;
    setInterval(() => {
      console.log("stray console");
      process.stdout.write("stray raw\\n");
      host().log("info", "stray logger");
      strays.sees = host().context.run.id === own;
    }, 5);
    whenOver(() => {
      void Promise.reject(new Error("stray rejection"));
      host().request("/stray", { method: "GET", headers: {}, body: null }).catch((e) => { strays.refused = e.name; });
    });
    return process.pid;
  }`,
  clean: `run: async (_, { signal }) => {
    await new Promise((resolve) => setTimeout(resolve, 900)); // what strays of the last run may still do, they do meanwhile
    console.log("mine");
    return {
      pid: process.pid, spill: process.env.SPILL ?? null, given: process.env.GIVEN, cwd: process.cwd() !== "/",
      own: signal !== strays.signal && !signal.aborted, refused: strays.refused, sees: strays.sees,
    };
  }`,
  pid: `run: () => process.pid`,
  shout: `run: () => {
    // Far more than the pipes hold, the last of it without a line feed.
    for (let nth = 0; nth < 3_000; nth++) console.log(nth + "x".repeat(1_000));
    process.stdout.write("the last");
    process.stderr.write("the last of all\\n");
  }`,
  flood: `run: () => {
    for (let nth = 0; nth < 60_000; nth++) console.log(nth + "x".repeat(1_000));
  }`,
  mutters: `run: () => {
    strays.timer = setInterval(() => { for (let nth = 0; nth < 20; nth++) writeSync(1, "stray\\n"); }, 0);
  }`,
  still: `run: () => clearInterval(strays.timer)`,
  busyAfter: `run: () => {
    whenOver(() => { const end = Date.now() + 1_500; while (Date.now() < end); });
    return process.pid;
  }`,
  stuckAfter: `run: () => { whenOver(() => { for (;;); }); return process.pid; }`,
  sends: `run: () => ({ send: typeof process.send })`,
  writesNothing: `run: async () => {
    writeSync(3, "null\\n7\\n");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }`,
  writesJunk: forging("}{\n"),
  forgesAfterJunk: forging(
    `}{\n${JSON.stringify({ t: "done", outcome: { kind: "completed", output: { data: null, type: "application/json" } }, isReusable: true, isMarked: false })}\n`,
  ),
  forgesHalf: forging('{"t":"done"}\n'),
  forgesError: forging('{"t":"done","outcome":{"kind":"failed"}}\n'),
  forgesWait: forging('{"t":"waiting","waits":[7]}\n'),
  closes: `run: async () => { closeSync(3); await new Promise(() => {}); }`,
  large: `run: () => "x".repeat(11 * 1024 * 1024)`,
  quotes: `run: () => ({ quotes: '"'.repeat(4 * 1024 * 1024) })`,
  wordy: `run: () => { throw new Error("x".repeat(20 * 1024 * 1024)); }`,
  uncaught: `run: () => { setTimeout(() => { throw new Error("later"); }, 5); return new Promise(() => {}); }`,
  listens: `run: (_, { signal }) => new Promise((_, reject) => {
    console.log("up");
    signal.addEventListener("abort", () => reject(signal.reason));
  })`,
};

let harness: Harness;
afterEach(() => harness.close());

const begin = async (maxExecutions: number) => {
  harness = await makeHarness({ slots: 1 });
  const hash = await harness.bundle(tasks, prelude);
  await harness.start();
  const lease = (task: keyof typeof tasks, env: Record<string, string> = { GIVEN: "1" }) => {
    const made = makeLease(hash, task, { env });
    return { ...made, deployment: { ...made.deployment, keepAlive: { maxExecutions } } };
  };
  return {
    lease,
    cancel: (runId: string): void =>
      harness.api.order({ kind: "cancel", runId, epoch: 1, reason: "by hand" }),
    async run(task: keyof typeof tasks, env?: Record<string, string>) {
      const made = lease(task, env);
      harness.api.lease(made);
      const final = await harness.final(made.runId, 20_000);
      const output = final.kind === "completed" ? JSON.parse(final.output ?? "null")?.json : null;
      return { runId: made.runId, final, output };
    },
  };
};

test("a kept process serves the next run, and nothing of the last one is in it", {
  timeout: 40_000,
}, async () => {
  const { run } = await begin(50);
  const first = await run("spill");
  const second = await run("clean");
  expect(second.output).toEqual({
    pid: first.output,
    spill: null,
    given: "1",
    cwd: true,
    own: true,
    refused: "RunOverError",
    sees: true,
  });
  expect(harness.lines(second.runId)).toEqual(["mine"]);
  expect(harness.api.forwarded.filter(({ path }) => path.includes("stray"))).toEqual([]);
  expect(harness.factsOf(second.runId).map(({ kind }) => kind)).toEqual(["started", "log", "completed"]);
});

test("a kept process ends after as many runs as it may serve", { timeout: 40_000 }, async () => {
  const { run } = await begin(2);
  const pids = [await run("pid"), await run("pid"), await run("pid")].map(({ output }) => output);
  expect(pids[1]).toBe(pids[0]);
  expect(pids[2]).not.toBe(pids[0]);
});

test("another environment is another process", { timeout: 40_000 }, async () => {
  const { run } = await begin(50);
  const first = await run("pid", { GIVEN: "1" });
  const second = await run("pid", { GIVEN: "2" });
  expect(second.output).not.toBe(first.output);
});

test("a run that broke its process, or was cancelled, is the last in it", { timeout: 40_000 }, async () => {
  const { cancel, lease, run } = await begin(50);
  const first = await run("pid");
  expect((await run("uncaught")).final).toMatchObject({ kind: "failed" });
  const second = await run("pid");
  expect(second.output).not.toBe(first.output);
  const listening = lease("listens");
  harness.api.lease(listening);
  await harness.api.until("its first line", () => harness.lines(listening.runId).includes("up"));
  cancel(listening.runId);
  expect(await harness.final(listening.runId)).toMatchObject({ kind: "canceled" });
  expect((await run("pid")).output).not.toBe(second.output);
});

test("a kept process stands still once no run follows, and goes on for the next", {
  timeout: 40_000,
}, async () => {
  const { run } = await begin(50);
  const { output: pid } = await run("pid");
  const state = (): string | undefined => /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  await harness.api.until("its rest", () => state() === "T");
  expect((await run("pid")).output).toBe(pid);
  await harness.api.until("its rest", () => state() === "T");
});

test("all that a run in a kept process said comes before its end", { timeout: 40_000 }, async () => {
  const { run } = await begin(50);
  await run("pid");
  for (const _ of [1, 2]) {
    const { runId, final } = await run("shout");
    expect(final).toMatchObject({ kind: "completed" });
    const kinds = harness.factsOf(runId).map(({ kind }) => kind);
    expect(kinds.at(-1)).toBe("completed");
    const lines = harness.lines(runId);
    expect(lines).toHaveLength(3_002);
    expect(lines).toEqual(
      expect.arrayContaining(["the last", "the last of all", `2999${"x".repeat(1_000)}`]),
    );
  }
});

test("what a process is behind with is not the next run's", { timeout: 60_000 }, async () => {
  const { run } = await begin(50);
  const first = await run("flood");
  const second = await run("pid");
  expect(first.final).toMatchObject({ kind: "completed" });
  expect(harness.lines(second.runId)).toEqual([]);
});

test("what an earlier run's callbacks write past the console is not the next run's", {
  timeout: 60_000,
}, async () => {
  const { run } = await begin(50);
  for (let nth = 0; nth < 10; nth++) {
    await run("mutters");
    expect(harness.lines((await run("still")).runId)).toEqual([]);
  }
});

test("a run starts when its process reads it, and a cancel that comes with it is its own", {
  timeout: 60_000,
}, async () => {
  const { cancel, lease, run } = await begin(50);
  await run("busyAfter");
  const next = lease("listens");
  harness.api.lease(next);
  await new Promise((resolve) => setTimeout(resolve, 500)); // its process has it, and no time to read it
  expect(harness.factsOf(next.runId)).toEqual([]);
  cancel(next.runId);
  // By itself, long before it would be ended by force.
  expect(await harness.final(next.runId, 8_000)).toMatchObject({ kind: "canceled" });
});

test("a run does not count as started in a process that an earlier one holds up", {
  timeout: 60_000,
}, async () => {
  const { cancel, lease, run } = await begin(50);
  await run("stuckAfter");
  const next = lease("pid");
  harness.api.lease(next);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(harness.factsOf(next.runId)).toEqual([]);
  cancel(next.runId);
  expect(await harness.final(next.runId, 20_000)).toMatchObject({ kind: "canceled" });
});

test("nothing but its own SDK speaks to a task's runner", { timeout: 60_000 }, async () => {
  const { run } = await begin(50);
  const first = await run("pid");
  expect((await run("sends")).output).toEqual({ send: "undefined" });
  expect((await run("writesNothing")).final).toMatchObject({ kind: "completed" });
  expect((await run("pid")).output).toBe(first.output);
});

test.each(["writesJunk", "forgesAfterJunk", "forgesHalf", "forgesError", "forgesWait", "closes"] as const)(
  "a task that breaks the channel to its runner ends itself: %s",
  { timeout: 60_000 },
  async (task) => {
    const { run } = await begin(50);
    const first = await run("pid");
    expect((await run(task)).final).toMatchObject({ kind: "failed" });
    const next = await run("pid");
    expect(next.final).toMatchObject({ kind: "completed" });
    expect(next.output).not.toBe(first.output);
  },
);

test("an outcome of any size is told, or why it is not", { timeout: 90_000 }, async () => {
  const { run } = await begin(50);
  const message = "The output is over the limit of 10485760 bytes.";
  expect((await run("large")).final).toMatchObject({ error: { code: "TASK_OUTPUT_ERROR", message } });
  // More than 16 MiB once it is written into JSON twice.
  expect((await run("quotes")).output).toEqual({ quotes: '"'.repeat(4 * 1024 * 1024) });
  expect((await run("wordy")).final).toMatchObject({
    error: { message: expect.stringMatching(/^x{200000,}… \(cut\)$/) },
  });
});

test("variables that Node would take a channel from are nothing", { timeout: 40_000 }, async () => {
  const { run } = await begin(50);
  const env = { GIVEN: "1", NODE_CHANNEL_FD: "3" };
  expect((await run("pid", env)).final).toMatchObject({ kind: "completed" });
});
