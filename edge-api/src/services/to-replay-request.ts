import type { ReplayRunBody } from "@longshore/shared/contract/bulk-actions";
import { machineNames } from "@longshore/shared/contract/machines";
import type { TriggerBody, TriggerOptions } from "@longshore/shared/contract/trigger";
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

/**
 * A run once more, as it was asked for, with what the caller puts in place. It takes the current version and has no
 * parent: nobody waits for it.
 */
export const toReplayRequest = (
  run: RunRow,
  over: ReplayRunBody,
  identity: { requestKey: string | null; origin?: Omit<TriggerOrigin, "replayedFromId"> },
): TriggerRequest => {
  const { payload, payloadType } = payloadOf(run, over);
  const queue = over.queue ?? run.requestedQueue;
  const options: TriggerOptions = given({
    payloadType,
    metadata: over.metadata ?? run.metadata,
    tags: over.tags ?? run.tags,
    queue: queue === null ? undefined : { name: queue },
    concurrencyKey: over.concurrencyKey ?? (run.concurrencyKey === "" ? undefined : run.concurrencyKey),
    concurrency: run.limitNames,
    machine: over.machine ?? machineNames.find((name) => name === run.machine),
    lockToVersion: over.version,
    region: over.region ?? run.region,
    labels: over.labels ?? run.labels,
    delay: over.delay,
    ttl: over.ttl,
    idempotencyKey: over.idempotencyKey,
    idempotencyKeyTTL: over.idempotencyKeyTTL,
    maxAttempts: over.maxAttempts,
    maxDuration: over.maxDuration,
    priority: over.priority,
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
