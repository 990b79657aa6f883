import { Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { type } from "arktype";
import * as superstruct from "superstruct";
import * as valibot from "valibot";
import { expectTypeOf, test } from "vitest";
import * as yup from "yup";
import { z } from "zod";
import { z as z3 } from "zod/v3";
import {
  type Context,
  locals,
  metadata,
  type ScheduledTaskPayload,
  schedules,
  schemaTask,
  type TaskOutput,
  type TaskPayload,
  type TokenResult,
  task,
  tasks,
  wait,
} from "./index.ts";

/** Checked by the compiler; nothing here is called. */
const unused = (..._: unknown[]): void => {};

test("payload and output flow from a task", () => {
  const made = task({
    id: "typed",
    run: async (payload: { n: number }, { ctx, signal }) => {
      expectTypeOf(ctx).toEqualTypeOf<Context>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      return { text: String(payload.n) };
    },
    onSuccess: ({ payload, output, ctx }) => {
      expectTypeOf(payload).toEqualTypeOf<{ n: number }>();
      expectTypeOf(output).toEqualTypeOf<{ text: string }>();
      expectTypeOf(ctx.run.createdAt).toEqualTypeOf<Date>();
    },
    onFailure: ({ payload, error }) => {
      expectTypeOf(payload).toEqualTypeOf<{ n: number }>();
      expectTypeOf(error).toEqualTypeOf<unknown>();
    },
    onComplete: ({ result }) => {
      if (result.ok) expectTypeOf(result.data).toEqualTypeOf<{ text: string }>();
      else expectTypeOf(result.error).toEqualTypeOf<unknown>();
    },
    onCancel: ({ runPromise }) => {
      expectTypeOf(runPromise).toEqualTypeOf<Promise<{ text: string }>>();
    },
    onWait: ({ wait: point }) => {
      if (point.type === "duration") expectTypeOf(point.date).toEqualTypeOf<Date>();
    },
    catchError: async ({ error, retryAt, retry }) => {
      expectTypeOf(error).toEqualTypeOf<unknown>();
      expectTypeOf(retryAt).toEqualTypeOf<Date | undefined>();
      unused(retry?.maxAttempts);
      return { skipRetrying: true };
    },
    middleware: async ({ next }) => {
      expectTypeOf(next).toEqualTypeOf<() => Promise<void>>();
      await next();
    },
  });
  expectTypeOf<TaskPayload<typeof made>>().toEqualTypeOf<{ n: number }>();
  expectTypeOf<TaskOutput<typeof made>>().toEqualTypeOf<{ text: string }>();
  expectTypeOf(made.id).toEqualTypeOf<"typed">();
});

test("a task without a payload is triggered with none, and one without hooks needs no types", () => {
  const bare = task({ id: "bare", run: () => 1 });
  expectTypeOf(bare.trigger).toBeCallableWith();
  expectTypeOf<TaskOutput<typeof bare>>().toEqualTypeOf<number>();
  const loose = task({ id: "loose", run: async (payload: unknown) => payload, catchError: async () => {} });
  expectTypeOf<TaskPayload<typeof loose>>().toEqualTypeOf<unknown>();
});

test("what init answers is typed elsewhere", () => {
  task({
    id: "with-init",
    init: async () => ({ db: { query: (text: string) => text.length } }),
    run: async (_payload: string, { init }) => init.db.query("select 1"),
    onStart: ({ init }) => {
      expectTypeOf(init).toEqualTypeOf<{ db: { query: (text: string) => number } } | undefined>();
    },
  });
});

test("hooks above a run with parameters of its own leave payload and output to it", () => {
  const above = task({
    id: "above",
    init: async ({ ctx }) => ({ db: ctx.attempt.number }),
    middleware: async ({ next }) => next(),
    catchError: ({ error }) => (error ? { skipRetrying: true } : undefined),
    onFailure: ({ payload, error }) => unused(payload, error),
    cleanup: ({ init }) => {
      expectTypeOf(init).toEqualTypeOf<{ db: number } | undefined>();
    },
    run: async (payload: { n: number }, { ctx, init }) => ({
      text: `${payload.n} ${ctx.run.id}`,
      db: init.db,
    }),
    onSuccess: ({ payload, output }) => {
      // Those above have settled it.
      expectTypeOf(payload).toEqualTypeOf<unknown>();
      expectTypeOf(output).toEqualTypeOf<{ text: string; db: number }>();
    },
  });
  expectTypeOf<TaskPayload<typeof above>>().toEqualTypeOf<{ n: number }>();
  expectTypeOf<TaskOutput<typeof above>>().toEqualTypeOf<{ text: string; db: number }>();

  const checked = schemaTask({
    id: "checked",
    schema: z.object({ n: z.number() }),
    onSuccess: ({ payload, output }) => {
      expectTypeOf(payload).toEqualTypeOf<{ n: number }>();
      unused(output);
    },
    run: async (payload) => ({ double: payload.n * 2 }),
  });
  expectTypeOf<TaskOutput<typeof checked>>().toEqualTypeOf<{ double: number }>();

  const scheduled = schedules.task({
    id: "scheduled",
    onSuccess: ({ output }) => unused(output),
    run: async (payload) => payload.timestamp,
  });
  expectTypeOf<TaskOutput<typeof scheduled>>().toEqualTypeOf<Date>();

  task({
    id: "wrong",
    run: async (payload: { n: number }) => payload.n,
    // @ts-expect-error it is given another payload than it says
    onSuccess: ({ payload }: { payload: { other: string } }) => unused(payload),
  });
});

test("a schema's input is what triggers take, its output what run receives", () => {
  const zod = schemaTask({
    id: "zod",
    schema: z.object({
      when: z.coerce.date(),
      n: z.string().transform(Number),
      tag: z.string().default("x"),
    }),
    run: async (payload) => {
      expectTypeOf(payload).toEqualTypeOf<{ when: Date; n: number; tag: string }>();
      return payload.n;
    },
    onStartAttempt: ({ payload }) => {
      expectTypeOf(payload.n).toEqualTypeOf<number>();
    },
  });
  expectTypeOf<TaskPayload<typeof zod>>().toEqualTypeOf<{
    when: unknown;
    n: string;
    tag?: string | undefined;
  }>();
  expectTypeOf<TaskOutput<typeof zod>>().toEqualTypeOf<number>();
  expectTypeOf(tasks.trigger<typeof zod>)
    .parameter(1)
    .toHaveProperty("n")
    .toEqualTypeOf<string>();

  const old = schemaTask({
    id: "zod3",
    schema: z3.object({ n: z3.string().transform(Number) }),
    run: ({ n }) => n,
  });
  expectTypeOf<TaskPayload<typeof old>>().toEqualTypeOf<{ n: string }>();
  expectTypeOf<TaskOutput<typeof old>>().toEqualTypeOf<number>();
});

test("other libraries' types flow as well", () => {
  const text = valibot.pipe(valibot.string(), valibot.transform(Number));
  const byValibot = schemaTask({ id: "v", schema: valibot.object({ n: text }), run: ({ n }) => n });
  expectTypeOf<TaskPayload<typeof byValibot>>().toEqualTypeOf<{ n: string }>();
  expectTypeOf<TaskOutput<typeof byValibot>>().toEqualTypeOf<number>();

  const byArktype = schemaTask({ id: "a", schema: type({ n: "string.numeric.parse" }), run: ({ n }) => n });
  expectTypeOf<TaskPayload<typeof byArktype>>().toEqualTypeOf<{ n: string }>();
  expectTypeOf<TaskOutput<typeof byArktype>>().toEqualTypeOf<number>();

  const byStruct = schemaTask({
    id: "s",
    schema: superstruct.object({ n: superstruct.number() }),
    run: ({ n }) => n,
  });
  expectTypeOf<TaskPayload<typeof byStruct>>().toEqualTypeOf<{ n: number }>();

  const byYup = schemaTask({
    id: "y",
    schema: yup.object({ n: yup.number().required() }),
    run: ({ n }) => n,
  });
  expectTypeOf<TaskOutput<typeof byYup>>().toEqualTypeOf<number>();

  const byTypeBox = schemaTask({
    id: "t",
    schema: TypeCompiler.Compile(Type.Object({ n: Type.Number() })),
    run: ({ n }) => n,
  });
  expectTypeOf<TaskPayload<typeof byTypeBox>>().toEqualTypeOf<{ n: number }>();
  expectTypeOf<TaskOutput<typeof byTypeBox>>().toEqualTypeOf<number>();

  const byFunction = schemaTask({ id: "f", schema: (value: unknown) => Number(value), run: (n) => n > 1 });
  expectTypeOf<TaskPayload<typeof byFunction>>().toEqualTypeOf<number>();
  expectTypeOf<TaskOutput<typeof byFunction>>().toEqualTypeOf<boolean>();
});

test("scheduled tasks receive dates", () => {
  const nightly = schedules.task({
    id: "nightly",
    cron: { pattern: "0 3 * * *", timezone: "Europe/Berlin", environments: ["PRODUCTION"], window: "30m" },
    run: async (payload) => {
      expectTypeOf(payload).toEqualTypeOf<ScheduledTaskPayload>();
      expectTypeOf(payload.lastTimestamp).toEqualTypeOf<Date | undefined>();
      return payload.upcoming;
    },
  });
  expectTypeOf<TaskOutput<typeof nightly>>().toEqualTypeOf<Date[]>();
});

test("locals, tokens, metadata and global hooks are typed", () => {
  const key = locals.create<{ n: number }>("key");
  expectTypeOf(locals.get(key)).toEqualTypeOf<{ n: number } | undefined>();
  const inTask = async () => {
    expectTypeOf(locals.getOrThrow(key)).toEqualTypeOf<{ n: number }>();
    const token = await wait.createToken({ timeout: "10m" });
    expectTypeOf(token.url).toEqualTypeOf<string>();
    expectTypeOf(await wait.forToken<{ ok: boolean }>(token)).toEqualTypeOf<TokenResult<{ ok: boolean }>>();
    expectTypeOf(await wait.forToken<number>(token.id).unwrap()).toEqualTypeOf<number>();
    expectTypeOf((await wait.retrieveToken<string>(token)).output).toEqualTypeOf<string | undefined>();
    unused(metadata.set("a", 1).increment("b").append("c", 2), metadata.parent.set("a", 1));
    expectTypeOf(metadata.get("a")).toEqualTypeOf<unknown>();
    // @ts-expect-error a number is added, not text
    metadata.increment("a", "1");
  };
  const setHooks = () => {
    tasks.onSuccess(({ output, payload }) => {
      expectTypeOf(output).toEqualTypeOf<unknown>();
      expectTypeOf(payload).toEqualTypeOf<unknown>();
    });
    tasks.middleware("db", async ({ next, ctx }) => {
      expectTypeOf(ctx.attempt.startedAt).toEqualTypeOf<Date>();
      await next();
    });
    tasks.catchError(async ({ error }) => (error instanceof TypeError ? { skipRetrying: true } : undefined));
  };
  unused(inTask, setHooks);
});
