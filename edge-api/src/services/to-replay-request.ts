import type { ReplayRunBody } from "@longshore/shared/contract/bulk-actions";
import { machineNames } from "@longshore/shared/contract/machines";
import type { TriggerBody, TriggerOptions } from "@longshore/shared/contract/trigger";
import { z } from "zod";
import type { RunRow } from "../db/queries/read-runs.ts";
import type { TriggerOrigin, TriggerRequest } from "./to-trigger-item.ts";

/** Leaves out what is not set, so that a default is not overwritten. */
const given = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined | null> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null)) as {
    [K in keyof T]?: Exclude<T[K], undefined | null>;
  };

const payloadOf = (run: RunRow, over: ReplayRunBody): { payload?: unknown; payloadType: string } => {
  if ("payload" in over && over.payload !== undefined)
    return { payload: over.payload, payloadType: over.payloadType ?? "application/json" };
  return { ...(run.payload === null ? {} : { payload: run.payload }), payloadType: run.payloadType };
};

const Retry = z.object({ maxAttempts: z.int().optional() });
const maxAttemptsOf = (retry: unknown): number | undefined => Retry.parse(retry ?? {}).maxAttempts;
const Gates = z.array(z.object({ queue: z.string(), concurrencyKey: z.string().nullish() }));

/**
 * What the trigger set in place of its task's own: a run keeps only the sum of both. What is the task's is left to it, so
 * that a replay has the limits of the code that it runs.
 */
const askedOf = (run: RunRow) => {
  const { task } = run;
  const unless = <T>(value: T, own: T): T | undefined => (task !== null && value === own ? undefined : value);
  return {
    machine: machineNames.find((name) => name === unless(run.machine, task?.machine ?? "")),
    maxAttempts: unless(maxAttemptsOf(run.retry), maxAttemptsOf(task?.retry)),
    maxDuration: unless(run.maxDurationS, task?.maxDurationS ?? null),
    ttlMs: unless(run.ttlMs, task?.ttlMs ?? null),
  };
};

const gatesOf = (run: RunRow): TriggerOptions["gates"] =>
  Gates.parse(run.gates ?? []).map(({ queue, concurrencyKey }) => ({
    queue,
    ...(concurrencyKey == null ? {} : { concurrencyKey }),
  }));

/**
 * A run once more, as it was asked for, with what the caller puts in place. It takes the current version, begins at once and
 * has no parent: nobody waits for it. Its metadata is what the run had last, since what it began with is not kept.
 */
export const toReplayRequest = (
  run: RunRow,
  over: ReplayRunBody,
  identity: { requestKey: string | null; origin?: Omit<TriggerOrigin, "replayedFromId"> },
): TriggerRequest => {
  const { payload, payloadType } = payloadOf(run, over);
  const queue = over.queue ?? run.requestedQueue;
  const asked = askedOf(run);
  const options: TriggerOptions = given({
    payloadType,
    metadata: over.metadata ?? run.metadata,
    tags: over.tags ?? run.tags,
    queue: queue === null ? undefined : { name: queue },
    concurrencyKey: over.concurrencyKey ?? (run.concurrencyKey === "" ? undefined : run.concurrencyKey),
    concurrency: run.limitNames,
    gates: gatesOf(run),
    machine: over.machine ?? asked.machine,
    lockToVersion: over.version,
    region: over.region ?? run.region,
    labels: over.labels ?? run.labels,
    delay: over.delay,
    ttl: over.ttl ?? (asked.ttlMs == null ? undefined : asked.ttlMs / 1_000),
    idempotencyKey: over.idempotencyKey,
    idempotencyKeyTTL: over.idempotencyKeyTTL,
    maxAttempts: over.maxAttempts ?? asked.maxAttempts,
    maxDuration: over.maxDuration ?? asked.maxDuration,
    priority: over.priority ?? run.priority,
    test: run.isTest,
  });
  const body: TriggerBody = { ...(payload === undefined ? {} : { payload }), options };
  return {
    task: run.taskSlug,
    body,
    requestKey: identity.requestKey,
    idempotencyKey: null,
    idempotencyKeyTtl: null,
    origin: { ...identity.origin, replayedFromId: run.id },
  };
};
