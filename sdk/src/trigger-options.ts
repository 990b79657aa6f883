import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { TriggerBody } from "@longshore/shared/contract/trigger";
import type { Api } from "./http/api.ts";
import { type IdempotencyKeyInput, resolveIdempotencyKey } from "./idempotency-keys.ts";
import { offloadPacket } from "./packet-store.ts";
import { stringifyPacket } from "./packets.ts";

/** How a run is triggered. Units: `maxDuration` and `priority` in seconds; durations such as "30s", "1h30m". */
export type TriggerOptions = {
  /** Triggers with the same key answer the first one's run. Plain text is unique within the running task's run. */
  idempotencyKey?: IdempotencyKeyInput | undefined;
  idempotencyKeyTTL?: string | undefined;
  /** Triggers with the same key, each within `delay` of the one before, make one run. */
  debounce?:
    | { key: string; delay: string; mode?: "leading" | "trailing" | undefined; maxDelay?: string | undefined }
    | undefined;
  /** When the run may start: a date, or a duration from now. */
  delay?: string | Date | undefined;
  /** Not started by then, the run expires. A duration, or seconds. */
  ttl?: string | number | undefined;
  queue?: string | { name: string } | undefined;
  /** Named limits in place of those that the task declares; at most 2. */
  concurrency?: string | readonly string[] | undefined;
  concurrencyKey?: string | undefined;
  priority?: number | undefined;
  maxAttempts?: number | undefined;
  maxDuration?: number | undefined;
  machine?: MachinePreset | undefined;
  /** At most 10, of up to 128 characters. */
  tags?: string | readonly string[] | undefined;
  metadata?: Record<string, unknown> | undefined;
  /** Runs on this deployment version instead of the current one. */
  version?: string | undefined;
  /** Runs on the newest deployment that carries this id, and waits for one; `null`: whatever the environment says. */
  externalDeploymentId?: string | null | undefined;
  region?: string | undefined;
  /** Labels that the agent must have, at most 8; each replaces the task's own of that name. */
  labels?: Record<string, string> | undefined;
};

/** Options of `triggerAndWait`: the other run is held to the caller's version. */
export type TriggerAndWaitOptions = Omit<TriggerOptions, "version">;

/** A trigger's options on the wire. Source: the client wire contract, 4.1. */
export type WireOptions = {
  -readonly [Name in keyof NonNullable<TriggerBody["options"]>]?: unknown;
};

/** What a trigger sends. */
export type WireTrigger = { payload?: string; options: WireOptions };

const present = (options: WireOptions): WireOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

const listOf = (value: string | readonly string[] | undefined) =>
  typeof value === "string" ? [value] : value;

const keyOptions = async (options: TriggerOptions): Promise<WireOptions> => {
  if (options.idempotencyKey === undefined) return {};
  const { key, origin } = await resolveIdempotencyKey(options.idempotencyKey);
  return { idempotencyKey: key, idempotencyKeyOptions: origin };
};

/**
 * The body of a trigger. Source: the client wire contract, 4.1.
 *
 * `extra` carries what a call adds to its options (parent, resume flag, pinned version).
 * Cost: nothing, but two requests for a large payload.
 */
export const triggerBody = async (
  api: Api,
  payload: unknown,
  options: TriggerOptions = {},
  extra: WireOptions = {},
): Promise<WireTrigger> => {
  const packet = await offloadPacket(api, await stringifyPacket(payload));
  const wire = present({
    payloadType: packet.type,
    payloadSize: packet.payloadSize,
    ...extra,
    ...(await keyOptions(options)),
    idempotencyKeyTTL: options.idempotencyKeyTTL,
    debounce: options.debounce,
    delay: options.delay,
    ttl: options.ttl,
    queue: typeof options.queue === "string" ? { name: options.queue } : options.queue,
    concurrency: listOf(options.concurrency),
    concurrencyKey: options.concurrencyKey,
    priority: options.priority,
    maxAttempts: options.maxAttempts,
    maxDuration: options.maxDuration,
    machine: options.machine,
    tags: options.tags,
    metadata: options.metadata,
    lockToVersion: options.version ?? extra.lockToVersion,
    externalDeploymentId:
      options.externalDeploymentId === undefined
        ? extra.externalDeploymentId
        : (options.externalDeploymentId ?? undefined),
    region: options.region,
    labels: options.labels,
  });
  return { ...(packet.data === null ? {} : { payload: packet.data }), options: wire };
};
