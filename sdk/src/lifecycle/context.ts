import type { RunContext } from "@longshore/shared/contract/run-context";

type Dated<T, TKey extends keyof T> = Omit<T, TKey> & { [Key in TKey]: Date };

/** `ctx` as a task receives it: what the platform knew when the attempt began. It cannot be changed. */
export type Context = Omit<RunContext, "attempt" | "run"> & {
  attempt: Dated<RunContext["attempt"], "startedAt">;
  run: Omit<Dated<RunContext["run"], "createdAt" | "startedAt">, "metadata">;
};

const freeze = <T>(value: T): T => {
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
};

/** The context with its dates as `Date`; metadata is left to `metadata`, since it changes while the run executes. */
export const toContext = (context: RunContext): Context => {
  const { metadata: _, ...run } = context.run;
  return freeze({
    ...structuredClone(context),
    attempt: { ...context.attempt, startedAt: new Date(context.attempt.startedAt) },
    run: {
      ...structuredClone(run),
      createdAt: new Date(context.run.createdAt),
      startedAt: new Date(context.run.startedAt),
    },
  });
};
