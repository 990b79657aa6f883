import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { TriggerBody } from "@longshore/shared/contract/trigger";
import { type IdempotencyKeyInput, resolveIdempotencyKey } from "./idempotency-keys.ts";
import { stringifyPacket } from "./packets.ts";

/** How a run is triggered. Units: `maxDuration` and `priority` in seconds; durations such as "30s", "1h30m". */
export type TriggerOptions = {
  /** Triggers with the same key answer the first one's run. Plain text is unique within the running task's run. */
  idempotencyKey?: IdempotencyKeyInput;
  idempotencyKeyTTL?: string;
  /** When the run may start: a date, or a duration from now. */
  delay?: string | Date;
  /** Not started by then, the run expires. A duration, or seconds. */
  ttl?: string | number;
  queue?: string | { name: string };
  concurrencyKey?: string;
  priority?: number;
  maxAttempts?: number;
  maxDuration?: number;
  machine?: MachinePreset;
  /** At most 10, of up to 128 characters. */
  tags?: string | string[];
  metadata?: Record<string, unknown>;
  /** Runs on this deployment version instead of the current one. */
  version?: string;
  region?: string;
};

/** Options of `triggerAndWait`: the other run is held to the caller's version. */
export type TriggerAndWaitOptions = Omit<TriggerOptions, "version">;

type WireOptions = {
  -readonly [Name in keyof NonNullable<TriggerBody["options"]>]?: unknown;
};

const present = (options: WireOptions): WireOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

/**
 * The body of a trigger. Source: the client wire contract, 4.1.
 *
 * `extra` carries what a call adds to its options (parent, resume flag, locked version).
 */
export const triggerBody = async (
  payload: unknown,
  options: TriggerOptions = {},
  extra: WireOptions = {},
): Promise<{ payload?: string; options: WireOptions }> => {
  const packet = await stringifyPacket(payload);
  const idempotency =
    options.idempotencyKey === undefined ? undefined : await resolveIdempotencyKey(options.idempotencyKey);
  const wire = present({
    payloadType: packet.type,
    idempotencyKey: idempotency?.key,
    idempotencyKeyOptions: idempotency?.origin,
    idempotencyKeyTTL: options.idempotencyKeyTTL,
    delay: options.delay,
    ttl: options.ttl,
    queue: typeof options.queue === "string" ? { name: options.queue } : options.queue,
    concurrencyKey: options.concurrencyKey,
    priority: options.priority,
    maxAttempts: options.maxAttempts,
    maxDuration: options.maxDuration,
    machine: options.machine,
    tags: options.tags,
    metadata: options.metadata,
    lockToVersion: options.version,
    region: options.region,
    ...extra,
  });
  return { ...(packet.data === null ? {} : { payload: packet.data }), options: wire };
};
