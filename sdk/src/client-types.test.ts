import { expectTypeOf, test } from "vitest";
import {
  type AnyTask,
  type BatchRunHandle,
  batch,
  type Client,
  type ConcurrencyLimitKeyState,
  type ConcurrencyLimitState,
  concurrencyLimits,
  type EnvVarsClient,
  isApiError,
  type RetrieveRunResult,
  type Run,
  type RunHandle,
  runs,
  schedules,
  type TaskOutput,
  type TaskRunResult,
  type TriggerClient,
  tasks,
} from "./index.ts";
import { task } from "./task.ts";

// None of these is ever called: what is asserted is what the compiler thinks of them.
const resize = task({
  id: "resize",
  run: async (payload: { url: string }) => ({ width: payload.url.length }),
});
const notify = task({ id: "notify", run: async (payload: string) => payload.length > 0 });
const nightly = task({ id: "nightly", run: async () => "done" as const });
type Both = typeof resize | typeof notify;

test("a trigger knows its task's id, payload and output", () => {
  const byTask = () => resize.trigger({ url: "u" });
  expectTypeOf(byTask).returns.resolves.toEqualTypeOf<
    RunHandle<"resize", { url: string }, { width: number }>
  >();
  const byId = () => tasks.trigger<typeof resize>("resize", { url: "u" });
  expectTypeOf(byId).returns.resolves.toEqualTypeOf<
    RunHandle<"resize", { url: string }, { width: number }>
  >();
  expectTypeOf(nightly.trigger).toBeCallableWith();
  // @ts-expect-error the payload has another type
  const wrongPayload = () => resize.trigger({ url: 1 });
  // @ts-expect-error no such task
  const wrongId = () => tasks.trigger<typeof resize>("resized", { url: "u" });
  const untyped = () => tasks.trigger("anything", { any: "thing" });
  expectTypeOf(untyped).returns.resolves.toHaveProperty("id").toEqualTypeOf<string>();
  expectTypeOf([wrongPayload, wrongId]).toBeArray();
});

test("a result is told apart by ok, and unwrap gives the output", () => {
  const wait = () => resize.triggerAndWait({ url: "u" });
  expectTypeOf(wait).returns.resolves.toEqualTypeOf<TaskRunResult<"resize", { width: number }>>();
  const unwrap = () => tasks.triggerAndWait<typeof resize>("resize", { url: "u" }).unwrap();
  expectTypeOf(unwrap).returns.resolves.toEqualTypeOf<{ width: number }>();
  // @ts-expect-error the child is held to the parent's version
  const versioned = () => resize.triggerAndWait({ url: "u" }, { version: "20260101.1" });
  // @ts-expect-error a run waits for runs of its own environment
  const elsewhere = () => resize.triggerAndWait({ url: "u" }, {}, { clientConfig: { accessToken: "k" } });
  expectTypeOf([versioned, elsewhere]).toBeArray();
});

test("a task's batch is typed by it", () => {
  const trigger = () => resize.batchTrigger([{ payload: { url: "u" }, options: { delay: "1h" } }]);
  expectTypeOf(trigger).returns.resolves.toEqualTypeOf<
    BatchRunHandle<"resize", { url: string }, { width: number }>
  >();
  const wait = async () => (await resize.batchTriggerAndWait([{ payload: { url: "u" } }])).runs;
  expectTypeOf(wait).returns.resolves.toEqualTypeOf<TaskRunResult<"resize", { width: number }>[]>();
  const unwrap = () => resize.batchTriggerAndWait([{ payload: { url: "u" } }]).unwrap();
  expectTypeOf(unwrap).returns.resolves.toEqualTypeOf<{ width: number }[]>();
  // @ts-expect-error the payload has another type
  const wrong = () => tasks.batchTrigger<typeof notify>("notify", [{ payload: 1 }]);
  expectTypeOf(wrong).toBeFunction();
});

test("in a batch of several tasks each id goes with its payload and its output", () => {
  const trigger = () =>
    batch.trigger<Both>([
      { id: "resize", payload: { url: "u" } },
      { id: "notify", payload: "text", options: { tags: "t" } },
    ]);
  expectTypeOf(trigger).returns.resolves.toHaveProperty("batchId").toEqualTypeOf<string>();
  // @ts-expect-error the payload is the other task's
  const mixed = () => batch.trigger<Both>([{ id: "resize", payload: "text" }]);
  const wait = async () => {
    for (const run of (await batch.triggerAndWait<Both>([{ id: "notify", payload: "text" }])).runs) {
      if (!run.ok) return run.error;
      if (run.taskIdentifier === "resize") return run.output.width;
      return run.output ? "yes" : "no";
    }
    return undefined;
  };
  expectTypeOf(wait).returns.resolves.toBeUnknown();
  expectTypeOf(mixed).toBeFunction();
});

test("a batch by task keeps the place of each", () => {
  const wait = async () =>
    (
      await batch.triggerByTaskAndWait([
        { task: resize, payload: { url: "u" } },
        { task: notify, payload: "text" },
      ])
    ).runs;
  type Places = Awaited<ReturnType<typeof wait>>;
  expectTypeOf<Places[0]>().toEqualTypeOf<TaskRunResult<"resize", { width: number }>>();
  expectTypeOf<Places[1]>().toEqualTypeOf<TaskRunResult<"notify", boolean>>();
  const unwrap = () => batch.triggerByTaskAndWait([{ task: notify, payload: "text" }]).unwrap();
  expectTypeOf<Awaited<ReturnType<typeof unwrap>>[0]>().toEqualTypeOf<boolean>();
  // @ts-expect-error the payload has another type
  const wrong = () => batch.triggerByTask([{ task: resize, payload: "text" }]);
  async function* items() {
    yield { task: resize, payload: { url: "u" } };
  }
  const streamed = () => batch.triggerByTask(items());
  expectTypeOf(streamed).returns.resolves.toHaveProperty("runCount").toEqualTypeOf<number>();
  expectTypeOf(wrong).toBeFunction();
});

test("a run is typed by its handle or its task, and by its status", () => {
  const byHandle = async () => runs.retrieve(await resize.trigger({ url: "u" }));
  expectTypeOf(byHandle).returns.resolves.toEqualTypeOf<Run<{ url: string }, { width: number }>>();
  const byTask = () => runs.poll<typeof notify>("run_1");
  expectTypeOf(byTask).returns.resolves.toEqualTypeOf<Run<string, boolean>>();
  const asked = async () => (await byHandle()).output;
  expectTypeOf(asked).returns.resolves.toEqualTypeOf<{ width: number } | undefined>();
  const output = async () => {
    const run = await byHandle();
    return run.status === "COMPLETED" ? run.output : undefined;
  };
  expectTypeOf(output).returns.resolves.toEqualTypeOf<{ width: number } | undefined>();
  expectTypeOf<RetrieveRunResult<typeof notify>>().toEqualTypeOf<Run<string, boolean>>();
  expectTypeOf<RetrieveRunResult<string>>().toEqualTypeOf<Run>();
  const polled = () => tasks.triggerAndPoll<typeof notify>("notify", "text", { pollIntervalMs: 5 });
  expectTypeOf(polled).returns.resolves.toEqualTypeOf<Run<string, boolean>>();
});

test("lists are awaited for a page and iterated for every item", () => {
  const page = async () => (await runs.list({ status: ["FAILED", "CRASHED"] })).data[0]?.createdAt;
  expectTypeOf(page).returns.resolves.toEqualTypeOf<Date | undefined>();
  const each = async () => {
    for await (const schedule of schedules.list({ perPage: 10 })) return schedule.nextRun;
    return undefined;
  };
  expectTypeOf(each).returns.resolves.toEqualTypeOf<Date | undefined>();
  // @ts-expect-error no such status
  const wrong = () => runs.list({ status: "DONE" });
  expectTypeOf(wrong).toBeFunction();
});

test("what is about one key answers for that key", () => {
  const whole = () => concurrencyLimits.override("api", { total: 5 });
  expectTypeOf(whole).returns.resolves.toEqualTypeOf<ConcurrencyLimitState>();
  const ofKey = () => concurrencyLimits.retrieve("api", { concurrencyKey: "user:1" });
  expectTypeOf(ofKey).returns.resolves.toEqualTypeOf<ConcurrencyLimitKeyState>();
});

test("an environment is named first or left out whole", () => {
  expectTypeOf<EnvVarsClient["retrieve"]>().toBeCallableWith("proj_1", "dev", "NAME");
  expectTypeOf<EnvVarsClient["retrieve"]>().toBeCallableWith("NAME");
  expectTypeOf<EnvVarsClient["create"]>().toBeCallableWith({ name: "NAME", value: "v" });
  expectTypeOf<EnvVarsClient["update"]>().toBeCallableWith("proj_1", "dev", "NAME", { value: "v" });
});

test("both kinds of client have every noun", () => {
  type Nouns = "tasks" | "runs" | "batch" | "schedules" | "envvars" | "queues" | "deployments" | "auth";
  expectTypeOf<Pick<TriggerClient, Nouns>>().toEqualTypeOf<Readonly<Pick<Client, Nouns>>>();
});

test("guards narrow an unknown error", () => {
  const statusOf = (error: unknown) => (isApiError(error) ? error.status : null);
  expectTypeOf(statusOf).returns.toEqualTypeOf<number | undefined | null>();
  expectTypeOf<TaskOutput<AnyTask>>().toBeUnknown();
});
