import type { CompletedWait } from "@longshore/shared/contract/agent-protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, makeHarness } from "./testing/harness.ts";
import { makeLease } from "./testing/make-lease.ts";

/** A bundle as users write them, with its own SDK, from the lease to the final fact. */
const prelude = `
const db = sdk.locals.create("db");
sdk.tasks.middleware("db", async ({ next, ctx }) => {
  sdk.locals.set(db, { run: ctx.run.id, calls: 0 });
  console.log("open");
  await next();
  console.log("close after " + sdk.locals.getOrThrow(db).calls);
});
sdk.tasks.onStartAttempt("count", () => { sdk.locals.getOrThrow(db).calls += 1; });
sdk.tasks.catchError("later", async ({ error }) => error.message === "busy" ? { retryDelayInMs: 4321 } : undefined);
sdk.tasks.onCancel(({ signal }) => { console.log("global onCancel " + signal.reason.code); });
`;
const tasks = {
  whole: `
    onStart: () => { console.log("onStart"); },
    run: async ({ n }, { ctx }) => {
      sdk.locals.getOrThrow(db).calls += 1;
      sdk.metadata.set("step", "run").increment("n", n);
      console.log("run " + sdk.locals.getOrThrow(db).run + " " + (ctx.run.createdAt instanceof Date));
      return { before: sdk.metadata.get("before"), n: sdk.metadata.get("n") };
    },
    onSuccess: ({ output }) => { console.log("onSuccess " + output.n); },
    onComplete: ({ result }) => { console.log("onComplete " + result.ok); },
    cleanup: () => { sdk.waitUntil(Promise.resolve().then(() => console.log("later"))); }`,
  busy: `
    run: () => { throw new Error("busy"); },
    onFailure: () => { console.log("onFailure"); }`,
  broken: `
    run: () => { throw new Error("broken"); },
    onFailure: async ({ error }) => { console.log("onFailure " + error.message); }`,
  held: `
    run: async (_, { signal }) => {
      console.log("up");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw new Error("after");
    },
    onCancel: async ({ runPromise }) => { await runPromise.catch((error) => console.log("own onCancel " + error.message)); },
    onFailure: () => { console.log("onFailure"); }`,
  late: `
    run: async (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    onFailure: () => { console.log("onFailure"); }`,
  approval: `
    onWait: ({ wait }) => { console.log("onWait " + wait.type + " " + wait.token); },
    onResume: ({ wait }) => { console.log("onResume " + wait.type); },
    run: async () => {
      sdk.metadata.set("waits", true);
      const answer = await sdk.wait.forToken("waitpoint_1").unwrap();
      return answer.by;
    }`,
  race: `
    run: () => Promise.race([
      sdk.wait.forToken("waitpoint_1"),
      new Promise((resolve) => setTimeout(() => { console.log("first"); resolve("timer"); }, 50)),
    ])`,
  both: `
    run: () => Promise.all([sdk.wait.forToken("waitpoint_1"), sdk.wait.forToken("waitpoint_2")])`,
  dies: `
    run: () => {
      console.log("pid " + process.pid);
      setTimeout(() => process.exit(3), 50);
      return sdk.wait.forToken("waitpoint_1");
    }`,
};

let harness: Harness;
let hash: string;
beforeAll(async () => {
  harness = await makeHarness({ slots: 4 });
  hash = await harness.bundle(tasks, prelude);
  harness.api.state.onForward = ({ method, body }) => {
    const { operations = [] } = method === "PUT" ? JSON.parse(body) : {};
    return {
      status: 200,
      body: { metadata: Object.fromEntries(operations.map((one: { key: string }) => [one.key, 1])) },
    };
  };
  await harness.start();
});
afterAll(() => harness.close());

const start = (task: keyof typeof tasks, over: Parameters<typeof makeLease>[2] = {}, run: object = {}) => {
  const lease = makeLease(hash, task, over);
  const context = { ...lease.context, run: { ...lease.context.run, ...run } };
  harness.api.lease({ ...lease, context });
  return { ...lease, context };
};

test("hooks, locals, metadata and waitUntil work through the executor, in their order", async () => {
  const payload = JSON.stringify({ n: 3 });
  const { runId } = start("whole", { payload }, { metadata: { before: "known", n: 1 } });
  const final = await harness.final(runId);
  expect(final).toMatchObject({ kind: "completed", output: '{"json":{"before":"known","n":4}}' });
  expect(harness.lines(runId)).toEqual([
    "open",
    "onStart",
    `run ${runId} true`,
    "onSuccess 4",
    "onComplete true",
    "later",
    "close after 2",
  ]);
  const sent = harness.api.forwarded.filter(({ path }) => path === `/api/v1/runs/${runId}/metadata`);
  expect(sent.map(({ method, body }) => [method, JSON.parse(body)])).toEqual([
    [
      "PUT",
      {
        operations: [
          { type: "set", key: "step", value: "run" },
          { type: "increment", key: "n", value: 3 },
        ],
      },
    ],
  ]);
});

test("the pause that catchError asks for reaches the API, and onFailure is not called before the last attempt", async () => {
  const first = start("busy", {}, { maxAttempts: 2 });
  expect(await harness.final(first.runId)).toMatchObject({
    kind: "failed",
    error: { message: "busy" },
    retry: { delayMs: 4_321 },
  });
  expect(harness.lines(first.runId)).not.toContain("onFailure");
  const last = start("busy", { attempt: 2 }, { maxAttempts: 2 });
  expect(await harness.final(last.runId)).toMatchObject({ kind: "failed", retry: { skip: true } });
  expect(harness.lines(last.runId)).toContain("onFailure");
});

test("an error that nobody handles follows the policy", async () => {
  const { runId } = start("broken", {}, { maxAttempts: 2 });
  expect(await harness.final(runId)).not.toHaveProperty("retry");
  const last = start("broken", {}, { maxAttempts: 1 });
  await harness.final(last.runId);
  expect(harness.lines(last.runId)).toEqual(["open", "onFailure broken", "close after 1"]);
});

test("a cancel reaches onCancel, global first, and no hook of failure", async () => {
  const { runId, epoch } = start("held");
  await harness.api.until("its first line", () => harness.lines(runId).includes("up"));
  harness.api.order({ kind: "cancel", runId, epoch, reason: "by hand" });
  expect(await harness.final(runId, 5_000)).toMatchObject({ kind: "canceled" });
  expect(harness.lines(runId)).toEqual([
    "open",
    "up",
    "global onCancel TASK_RUN_CANCELLED",
    "own onCancel after",
    "close after 1",
  ]);
});

test("a time-out calls neither onCancel nor onFailure", async () => {
  const { runId } = start("late", { maxDurationS: 0.3 });
  expect(await harness.final(runId)).toMatchObject({ error: { code: "MAX_DURATION_EXCEEDED" } });
  expect(harness.lines(runId)).toEqual(["open", "close after 1"]);
});

test("hooks surround a wait, and what was gathered is sent before it", async () => {
  const lease = start("approval");
  await harness.api.until("its wait", () =>
    harness.factsOf(lease.runId).some(({ kind }) => kind === "waiting"),
  );
  const sent = harness.api.forwarded.filter(({ path }) => path.includes(lease.runId));
  expect(sent).toHaveLength(1);
  const answer: CompletedWait = {
    ...{ id: "waitpoint_1", kind: "token", ok: true },
    ...{ output: '{"by":"Ada"}', outputType: "application/json" },
  };
  harness.api.lease({ ...lease, kind: "continue", epoch: 2, waits: [answer] });
  expect(await harness.final(lease.runId)).toMatchObject({ kind: "completed", output: "Ada" });
  expect(harness.lines(lease.runId)).toEqual([
    "open",
    "onWait token waitpoint_1",
    "onResume token",
    "close after 1",
  ]);
});

test.each([
  ["race", { kind: "completed", output: "timer" }],
  ["both", { kind: "failed", error: { code: "TASK_DID_CONCURRENT_WAIT" }, retry: { skip: true } }],
  ["dies", { kind: "failed", error: { code: "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE" } }],
] as const)(
  "how %s ended beside its wait is told at once, though nobody answers the wait",
  async (task, expected) => {
    const { runId } = start(task);
    expect(await harness.final(runId)).toMatchObject({ ...expected, epoch: 1 });
    expect(harness.factsOf(runId).map(({ kind }) => kind)).toContain("waiting");
  },
);
