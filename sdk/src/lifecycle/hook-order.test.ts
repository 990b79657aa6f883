import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type AttemptOutcome, findTask } from "../catalog.ts";
import { globalHooks } from "../global-hooks.ts";
import { installHost } from "../host.ts";
import { stringifyPacket } from "../packets.ts";
import { schemaTask } from "../schema-task.ts";
import { createFakeHost, testContext } from "../testing/fake-host.ts";
import { wait } from "../wait.ts";
import { waitUntil } from "../wait-until.ts";
import { hookNames } from "./hooks.ts";

/**
 * Every hook is set twice, for all tasks (g) and for this one (t), and says when it is called; one place throws. The
 * expected logs are written down, not computed.
 */
const hooksKey = Symbol.for("longshore.hooks.1");
const forget = () => {
  delete (globalThis as { [hooksKey]?: unknown })[hooksKey];
  (globalThis as Record<symbol, unknown>)[Symbol.for("longshore.catalog.2")] = undefined;
  installHost(undefined);
};
const errors: unknown[][] = [];
beforeEach(() => {
  forget();
  errors.length = 0;
  vi.spyOn(console, "error").mockImplementation((...words) => void errors.push(words));
});
afterEach(() => {
  forget();
  vi.restoreAllMocks();
});

type Behaviour = { throwAt?: readonly string[]; attempt?: number; maxAttempts?: number; waits?: boolean };

const enact = async ({ throwAt = [], attempt = 1, maxAttempts = 1, waits = false }: Behaviour) => {
  const log: string[] = [];
  const step = (label: string) => {
    log.push(label);
    if (throwAt.includes(label)) throw new Error(`at ${label}`);
  };
  const hooksOf = (who: "g" | "t") =>
    Object.fromEntries(
      hookNames.map((name) => [
        name,
        name === "middleware"
          ? async ({ next }: { next: () => Promise<void> }) => {
              step(`${who} middleware in`);
              await next();
              step(`${who} middleware out`);
            }
          : async () => step(`${who} ${name}`),
      ]),
    );
  for (const [name, fn] of Object.entries(hooksOf("g"))) {
    (globalHooks as Record<string, (fn: unknown) => void>)[name]?.(fn);
  }
  const context = {
    ...testContext,
    attempt: { ...testContext.attempt, number: attempt },
    run: { ...testContext.run, maxAttempts },
  };
  installHost({ ...createFakeHost({ waitInProcessMs: 0, complete: () => [] }), context });
  schemaTask({
    ...hooksOf("t"),
    id: "observed",
    schema: (value: unknown) => {
      step("schema");
      return value;
    },
    run: async () => {
      step("run");
      if (waits) await wait.for({ hours: 1 });
      waitUntil(new Promise((resolve) => setTimeout(resolve, 5)).then(() => step("waitUntil")));
      return "out";
    },
  });
  const payload = await stringifyPacket("in");
  const { signal } = new AbortController();
  const outcome = await findTask("observed")?.execute({ payload, context, signal });
  return { log, outcome };
};

const entry = ["schema", "g middleware in", "t middleware in"];
const init = ["g init", "t init"];
const start = ["g onStart", "t onStart"];
const startAttempt = ["g onStartAttempt", "t onStartAttempt"];
const success = ["g onSuccess", "t onSuccess", "g onComplete", "t onComplete"];
const failure = ["g onFailure", "t onFailure", "g onComplete", "t onComplete"];
const catches = ["t catchError", "g catchError"];
const cleanup = ["g cleanup", "t cleanup"];
const leave = ["t middleware out", "g middleware out"];
const toRun = [...entry, ...init, ...start, ...startAttempt, "run"];

const user = (at: string) => ({ type: "BUILT_IN_ERROR", message: `at ${at}` });
const internal = (code: string, at: string) => ({
  type: "INTERNAL_ERROR",
  code,
  message: expect.stringContaining(`at ${at}`),
});
const final = (error: object) => ({ kind: "failed", error, retry: { skip: true } });
const again = (error: object) => ({ kind: "failed", error });
const done: AttemptOutcome = { kind: "completed", output: { data: "out", type: "text/plain" } };

test("nothing throws, at the first attempt and at a later one", async () => {
  const first = await enact({});
  expect(first.log).toEqual([...toRun, ...success, ...cleanup, "waitUntil", ...leave]);
  expect(first.outcome).toEqual(done);
  forget();
  const second = await enact({ attempt: 2, maxAttempts: 2 });
  expect(second.log).toEqual([
    ...entry,
    ...init,
    ...startAttempt,
    "run",
    ...success,
    ...cleanup,
    "waitUntil",
    ...leave,
  ]);
  expect(errors).toEqual([]);
});

/** Where a throw goes through catchError: [place, what was called up to it]. */
const beforeTheEnd: [string, string[]][] = [
  ["g init", [...entry, "g init"]],
  ["t init", [...entry, ...init]],
  ["g onStart", [...entry, ...init, "g onStart"]],
  ["t onStart", [...entry, ...init, ...start]],
  ["g onStartAttempt", [...entry, ...init, ...start, "g onStartAttempt"]],
  ["t onStartAttempt", [...entry, ...init, ...start, ...startAttempt]],
  ["run", toRun],
];

test.each(beforeTheEnd)("%s throws: the attempt fails", async (at, called) => {
  const last = await enact({ throwAt: [at] });
  expect(last.log).toEqual([...called, ...catches, ...failure, ...cleanup, ...leave]);
  expect(last.outcome).toMatchObject(final(user(at)));
  forget();
  const retried = await enact({ throwAt: [at], maxAttempts: 2 });
  expect(retried.log).toEqual([...called, ...catches, ...cleanup, ...leave]);
  expect(retried.outcome).toMatchObject(again(user(at)));
  expect(retried.outcome).not.toHaveProperty("retry");
});

const pending = "waitUntil";
/** Where a throw is logged and changes nothing, in a run that succeeds. */
const toldOfSuccess = [...success, ...cleanup];
test.each(toldOfSuccess)("%s throws after a success: it is logged, all others are called", async (at) => {
  const { log, outcome } = await enact({ throwAt: [at] });
  expect(log).toEqual([...toRun, ...success, ...cleanup, pending, ...leave]);
  expect(outcome).toEqual(done);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toEqual([`${at.slice(2)} failed:`, new Error(`at ${at}`)]);
});

const toldOfFailure = [...failure, ...cleanup];
test.each(toldOfFailure)("%s throws after a failure: it is logged, all others are called", async (at) => {
  const { log, outcome } = await enact({ throwAt: ["run", at] });
  expect(log).toEqual([...toRun, ...catches, ...failure, ...cleanup, ...leave]);
  expect(outcome).toMatchObject(final(user("run")));
  expect(errors).toHaveLength(1);
});

test.each([
  ["t catchError", ["t catchError"]],
  ["g catchError", catches],
])("%s throws: the run crashes, only cleanup follows", async (at, called) => {
  const { log, outcome } = await enact({ throwAt: ["run", at], maxAttempts: 5 });
  expect(log).toEqual([...toRun, ...called, ...cleanup, ...leave]);
  expect(outcome).toMatchObject(final(internal("HANDLE_ERROR_ERROR", at)));
});

test.each<[string, string[]]>([
  ["g middleware in", ["schema", "g middleware in"]],
  ["t middleware in", entry],
  ["t middleware out", [...toRun, ...success, ...cleanup, pending, "t middleware out"]],
  ["g middleware out", [...toRun, ...success, ...cleanup, pending, ...leave]],
])("%s throws: the attempt fails for its middleware", async (at, called) => {
  const { log, outcome } = await enact({ throwAt: [at] });
  expect(log).toEqual(called);
  expect(outcome).toMatchObject(again(internal("TASK_MIDDLEWARE_ERROR", at)));
});

test.each(leave)("%s throws after a failure: the middleware's error is the attempt's", async (at) => {
  const { outcome } = await enact({ throwAt: ["run", at] });
  expect(outcome).toMatchObject(again(internal("TASK_MIDDLEWARE_ERROR", at)));
});

test("schema throws: the run fails before any hook", async () => {
  const { log, outcome } = await enact({ throwAt: ["schema"], maxAttempts: 5 });
  expect(log).toEqual(["schema"]);
  expect(outcome).toMatchObject(final(internal("TASK_INPUT_ERROR", "schema")));
  expect(outcome).toMatchObject({ error: { message: expect.stringMatching(/^TaskPayloadParsedError: /) } });
});

test("what waitUntil was given rejects: it is logged", async () => {
  const { log, outcome } = await enact({ throwAt: ["waitUntil"] });
  expect(log).toEqual([...toRun, ...success, ...cleanup, pending, ...leave]);
  expect(outcome).toEqual(done);
  expect(errors).toHaveLength(1);
});

const around = ["g onWait", "t onWait", "g onResume", "t onResume"];
test.each([undefined, ...around])("hooks around a wait, %s throws: it is logged", async (at) => {
  const { log, outcome } = await enact({ waits: true, throwAt: at === undefined ? [] : [at] });
  expect(log).toEqual([...toRun, ...around, ...success, ...cleanup, pending, ...leave]);
  expect(outcome).toEqual(done);
  expect(errors).toHaveLength(at === undefined ? 0 : 1);
});
