import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, makeHarness } from "../testing/harness.ts";
import { makeLease } from "../testing/make-lease.ts";

let harness: Harness;
let hash: string;

const tasks = {
  add: `run: async (payload, { ctx }) => { console.log("adding"); return { sum: payload.a + payload.b, run: ctx.run.id }; }`,
  text: `run: () => "plain"`,
  nothing: `run: () => undefined`,
  fail: `run: () => { throw new TypeError("it broke"); }`,
  abort: `run: () => { throw new sdk.AbortTaskRunError("no more"); }`,
  talk: `run: () => {
    for (let i = 0; i < 300; i++) {
      if (i % 3 === 0) console.log("line " + i);
      else if (i % 3 === 1) console.error("line " + i);
      else host().log("warn", "line " + i, { i });
    }
    process.stdout.write("no line feed");
  }`,
  waits: `run: async () => {
    const done = await host().wait([{ kind: "token", id: "waitpoint_1" }]);
    return done[0].output;
  }`,
  ticksAndWaits: `run: async () => {
    setInterval(() => console.log("tick"), 100);
    const done = await host().wait([{ kind: "token", id: "waitpoint_1" }]);
    return done[0].output;
  }`,
  twoWaits: `run: async () => {
    await Promise.all([sdk.wait.forToken("waitpoint_a"), sdk.wait.forToken("waitpoint_b")]);
  }`,
  racesAWait: `run: async () =>
    Promise.race([sdk.wait.forToken("waitpoint_a"), new Promise((resolve) => setTimeout(resolve, 300, "first"))])`,
  throwsBesideAWait: `run: async () => {
    const late = new Promise((_, reject) => setTimeout(reject, 300, new Error("beside")));
    await Promise.race([sdk.wait.forToken("waitpoint_a"), late]);
  }`,
  waitsAndTellsItsPid: `run: async () => {
    console.log(String(process.pid));
    await sdk.wait.forToken("waitpoint_1");
  }`,
  listens: `run: (_, { signal }) => new Promise((_resolve, reject) => {
    console.log("listening");
    signal.addEventListener("abort", () => { console.log("told"); reject(signal.reason); });
  })`,
  deaf: `run: async () => { console.log("deaf"); for (;;) {} }`,
  endless: `run: () => new Promise(() => setInterval(() => {}, 1000))`,
  busy: `run: () => { const end = Date.now() + 6500; while (Date.now() < end); return "done"; }`,
  exit3: `run: () => { console.error("last words"); process.exit(3); }`,
  segv: `run: () => { process.kill(process.pid, "SIGSEGV"); return new Promise(() => setInterval(() => {}, 1000)); }`,
  heap: `run: () => { const all = []; for (;;) all.push(new Array(100000).fill(Math.random())); }`,
  uncaught: `run: () => { setTimeout(() => { throw new Error("later"); }, 5); return new Promise(() => setInterval(() => {}, 1000)); }`,
  calls: `run: async () => {
    const answer = await host().request("/api/v1/things", { method: "POST", headers: { "content-type": "application/json", authorization: "mine" }, body: "{}" });
    return { status: answer.status, body: await answer.json() };
  }`,
  environment: `run: () => ({ a: process.env.A, home: process.env.LONGSHORE_RUNNER_TOKEN ?? null, tz: new Date(0).getHours() })`,
};

beforeAll(async () => {
  harness = await makeHarness({ slots: 4 });
  hash = await harness.bundle(tasks);
  await harness.start();
});
afterAll(() => harness.close());

const run = (task: keyof typeof tasks | string, over: Parameters<typeof makeLease>[2] = {}) => {
  const lease = makeLease(hash, task, over);
  harness.api.lease(lease);
  return lease;
};

test("a run completes with its output, started first", async () => {
  const { runId } = run("add", { payload: JSON.stringify({ a: 2, b: 3 }) });
  const final = await harness.final(runId);
  expect(final).toMatchObject({ kind: "completed", outputType: "application/super+json" });
  expect(JSON.parse((final as { output: string }).output).json).toEqual({ sum: 5, run: runId });
  expect(harness.factsOf(runId).map((fact) => fact.kind)).toEqual(["started", "log", "completed"]);
  expect(harness.lines(runId)).toEqual(["adding"]);
});

test("text and nothing travel as what they are", async () => {
  expect(await harness.final(run("text").runId)).toMatchObject({ output: "plain", outputType: "text/plain" });
  expect(await harness.final(run("nothing").runId)).toMatchObject({
    output: null,
    outputType: "application/json",
  });
});

test("what a task throws arrives with its name and stack", async () => {
  const final = await harness.final(run("fail").runId);
  expect(final).toMatchObject({
    kind: "failed",
    error: { type: "BUILT_IN_ERROR", name: "TypeError", message: "it broke" },
  });
  expect(JSON.stringify(final)).toContain("tasks.mjs");
  expect(final).not.toHaveProperty("retry");
});

test("AbortTaskRunError asks for no other attempt", async () => {
  expect(await harness.final(run("abort").runId)).toMatchObject({ kind: "failed", retry: { skip: true } });
});

test("an unknown task and a broken module fail for good, with their codes", async () => {
  expect(await harness.final(run("nobody").runId)).toMatchObject({
    error: { code: "COULD_NOT_FIND_TASK" },
    retry: { skip: true },
  });
  const broken = await harness.bundle({}, `throw new Error("at import")`);
  const lease = makeLease(broken, "add");
  harness.api.lease(lease);
  expect(await harness.final(lease.runId)).toMatchObject({
    error: { code: "COULD_NOT_IMPORT_TASK" },
    retry: { skip: true },
  });
});

test("output keeps its order across console, logger and raw writes, all before the final fact", async () => {
  const { runId } = run("talk");
  await harness.final(runId);
  const expected = Array.from({ length: 300 }, (_, i) => `line ${i}`);
  expect(harness.lines(runId)).toEqual([...expected, "no line feed"]);
  const all = harness.factsOf(runId).flatMap((fact) => (fact.kind === "log" ? fact.lines : []));
  expect(all.slice(0, 3).map(({ level, stream }) => [level, stream])).toEqual([
    ["log", "stdout"],
    ["error", "stderr"],
    ["warn", "logger"],
  ]);
  expect(all.map((line) => line.seq)).toEqual(all.map((_, i) => i + 1));
  expect(harness.factsOf(runId).at(-1)?.kind).toBe("completed");
});

test("a wait gives the slot back and goes on under the new epoch", async () => {
  const lease = run("waits");
  await harness.api.until("the wait", () => harness.factsOf(lease.runId).find((f) => f.kind === "waiting"));
  const waits = [{ id: "waitpoint_1", kind: "token" as const, ok: true, output: "hello" }];
  harness.api.lease({ ...lease, kind: "continue", epoch: 2, waits });
  expect(await harness.final(lease.runId)).toMatchObject({ kind: "completed", output: "hello", epoch: 2 });
  expect(harness.factsOf(lease.runId).map((f) => [f.kind, f.epoch])).toEqual([
    ["started", 1],
    ["waiting", 1],
    ["started", 2],
    ["completed", 2],
  ]);
});

test("a wait that was over already goes on at once, under the same epoch", async () => {
  const waits = [{ id: "waitpoint_1", kind: "token" as const, ok: true, output: "ready" }];
  harness.api.state.resultFor = (fact) =>
    fact.kind === "waiting" ? { result: "ready", waits } : { result: "moved" };
  const { runId } = run("waits");
  expect(await harness.final(runId)).toMatchObject({ kind: "completed", output: "ready", epoch: 1 });
  harness.api.state.resultFor = () => ({ result: "moved" });
});

test("a continuation without a process is lost, and says so", async () => {
  const { runId } = run("waits", { kind: "continue", epoch: 7 });
  expect(await harness.final(runId)).toMatchObject({
    kind: "failed",
    epoch: 7,
    error: { code: "TASK_RUN_CONTINUATION_LOST" },
  });
});

test("a run that waits is frozen, and goes on when its wait is over", { timeout: 30_000 }, async () => {
  const lease = run("ticksAndWaits");
  await harness.api.until("its wait", () => harness.factsOf(lease.runId).some((f) => f.kind === "waiting"));
  const lines = () => harness.lines(lease.runId).length;
  // It ticks on until it is frozen; then nothing more is said.
  await harness.api.until("its ticks", () => lines() > 3);
  let seen = -1;
  while (seen !== lines()) {
    seen = lines();
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // ten ticks long
  }
  const waits = [{ id: "waitpoint_1", kind: "token" as const, ok: true, output: "thawed" }];
  harness.api.lease({ ...lease, kind: "continue", epoch: 2, waits });
  expect(await harness.final(lease.runId, 20_000)).toMatchObject({ kind: "completed", output: "thawed" });
});

test("what ends beside its own wait is told at once, under that wait's epoch", async () => {
  const kindsOf = (runId: string) => harness.factsOf(runId).map(({ kind }) => kind);
  const raced = run("racesAWait");
  expect(await harness.final(raced.runId)).toMatchObject({ kind: "completed", output: "first", epoch: 1 });
  expect(kindsOf(raced.runId)).toEqual(["started", "waiting", "completed"]);
  const thrown = run("throwsBesideAWait");
  expect(await harness.final(thrown.runId)).toMatchObject({
    kind: "failed",
    error: { message: "beside" },
  });
  const twice = run("twoWaits");
  expect(await harness.final(twice.runId)).toMatchObject({
    kind: "failed",
    error: { code: "TASK_DID_CONCURRENT_WAIT" },
  });
});

test("a run whose process is killed while it waits fails, and its continuation is not gone on with", async () => {
  const lease = run("waitsAndTellsItsPid");
  await harness.api.until("its wait", () => harness.factsOf(lease.runId).some((f) => f.kind === "waiting"));
  await harness.api.until("its pid", () => harness.lines(lease.runId).length > 0);
  process.kill(Number(harness.lines(lease.runId)[0]), "SIGKILL");
  expect(await harness.final(lease.runId)).toMatchObject({
    ...{ kind: "failed", epoch: 1 },
    error: { type: "INTERNAL_ERROR", message: expect.stringContaining("SIGKILL") },
  });
  const waits = [{ id: "waitpoint_1", kind: "token" as const, ok: true, output: "late" }];
  harness.api.lease({ ...lease, kind: "continue", epoch: 2, waits });
  const failed = () => harness.factsOf(lease.runId).filter(({ kind }) => kind === "failed");
  await harness.api.until("its second word", () => failed().length === 2);
  expect(failed()[1]).toMatchObject({ epoch: 2, error: { code: "TASK_RUN_CONTINUATION_LOST" } });
});

test("a cancelled run is told through its signal", async () => {
  const { runId, epoch } = run("listens");
  await harness.api.until("its first line", () => harness.lines(runId).includes("listening"));
  harness.api.order({ kind: "cancel", runId, epoch, reason: "by hand" });
  expect(await harness.final(runId, 5_000)).toMatchObject({ kind: "canceled" });
  expect(harness.lines(runId)).toEqual(["listening", "told"]);
});

test("a run that does not listen is cancelled by force", { timeout: 20_000 }, async () => {
  const { runId, epoch } = run("deaf");
  await harness.api.until("its first line", () => harness.lines(runId).includes("deaf"));
  harness.api.order({ kind: "cancel", runId, epoch, reason: "by hand" });
  expect(await harness.final(runId, 15_000)).toMatchObject({ kind: "canceled" });
});

test("a run ends when its time is over", async () => {
  const final = await harness.final(run("endless", { maxDurationS: 0.5 }).runId);
  expect(final).toMatchObject({ kind: "failed", error: { code: "MAX_DURATION_EXCEEDED" } });
});

test("a task that keeps its processor busy does not stop the beats", { timeout: 20_000 }, async () => {
  const { runId } = run("busy");
  await harness.api.until("its start", () => harness.factsOf(runId).some((f) => f.kind === "started"));
  const before = harness.api.reports.length + harness.api.polls.length;
  expect(await harness.final(runId)).toMatchObject({ kind: "completed" });
  const held = [...harness.api.reports, ...harness.api.polls].filter((body) =>
    body.held.some((one) => one.runId === runId),
  );
  expect(held.length).toBeGreaterThan(2);
  expect(harness.api.reports.length + harness.api.polls.length).toBeGreaterThan(before + 2);
});

test.each([
  ["exit3", "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE"],
  ["segv", "TASK_PROCESS_SIGSEGV"],
  ["uncaught", "TASK_UNCAUGHT_EXCEPTION"],
])("a process that dies is a failed run: %s", async (task, code) => {
  const { runId } = run(task);
  const final = await harness.final(runId);
  expect(final).toMatchObject({ kind: "failed", error: { type: "INTERNAL_ERROR", code } });
  if (task === "exit3") expect(JSON.stringify(final)).toContain("code 3");
});

test("a full heap is told apart from other crashes", { timeout: 30_000 }, async () => {
  expect(await harness.final(run("heap", { machine: "micro" }).runId, 25_000)).toMatchObject({
    error: { code: "TASK_PROCESS_OOM_KILLED" },
  });
});

test("a run's call goes out with the run's token and nothing else", async () => {
  const final = await harness.final(run("calls").runId);
  expect(JSON.parse((final as { output: string }).output).json).toEqual({ status: 200, body: { ok: true } });
  expect(harness.api.forwarded.at(-1)).toMatchObject({
    path: "/api/v1/things",
    headers: { authorization: "Bearer run-token" },
    body: "{}",
  });
});

test("a task sees its own environment and not the runner's", async () => {
  const env = { A: "1", TZ: "Asia/Tokyo", NODE_OPTIONS: "--no-deprecation" };
  const final = await harness.final(run("environment", { env }).runId);
  expect(JSON.parse((final as { output: string }).output).json).toEqual({ a: "1", home: null, tz: 9 });
});

test("a run whose code is not there is handed back with a reason", async () => {
  const lease = makeLease("0".repeat(64), "add");
  harness.api.lease(lease);
  const final = await harness.final(lease.runId, 3_000);
  expect(final).toMatchObject({ kind: "released", retryable: false });
  expect((final as { reason: string }).reason).toContain("cannot be fetched");
});

test("a lease that comes twice is executed once, and a refused fact ends its process", async () => {
  const lease = run("endless");
  await harness.api.until("its start", () => harness.factsOf(lease.runId).length > 0);
  harness.api.lease(lease);
  const once = run("nothing");
  harness.api.lease(once);
  await harness.final(once.runId);
  expect(harness.factsOf(lease.runId).filter((f) => f.kind === "started")).toHaveLength(1);
  harness.api.order({ kind: "stop", runId: lease.runId, epoch: 1, reason: "lost" });
  await harness.api.until("the end of its process", () => {
    const last = harness.api.polls.at(-1);
    return last && !last.held.some((one) => one.runId === lease.runId);
  });
  expect(harness.factsOf(lease.runId).map((f) => f.kind)).toEqual(["started"]);
  expect(harness.api.repeats).toEqual([]);
});
