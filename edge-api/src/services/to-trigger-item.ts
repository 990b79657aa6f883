import type { PacketType } from "@longshore/shared/contract/packets";
import { packetTypes } from "@longshore/shared/contract/packets";
import type { TriggerBody, TriggerOptions } from "@longshore/shared/contract/trigger";
import { parseDurationMs, resolveDelayMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import type { TriggerItem } from "../db/transitions/trigger-runs.ts";
import { hashToken } from "./hash-token.ts";
import { requirePacketPath } from "./packets.ts";
import { writeJson } from "./write-json.ts";

/** Most tags of a run. */
export const tagsMax = 10;
/** Most metadata of a run. Units: bytes of JSON. */
export const metadataBytesMax = 256 * 1024;
/** Longest delay and time to live that are accepted. Units: milliseconds (ten years). */
const spanMsMax = 315_360_000_000;
/** Furthest that a priority moves a run in its queue. Units: seconds (ten years). */
const priorityMax = spanMsMax / 1_000;
/** How long an idempotency key lives unless the caller says. Units: milliseconds. */
const idempotencyTtlMs = 30 * 86_400_000;

/** What a trigger is part of, when it is not a caller's own. */
export type TriggerOrigin = {
  batchId?: string;
  batchIndex?: number;
  scheduleId?: string;
  bulkActionId?: string;
  replayedFromId?: string;
  triggerFunction?: string;
};

/** A trigger as the route parsed it. `requestKey` is the client's own key for this very request. */
export type TriggerRequest = {
  task: string;
  body: TriggerBody;
  requestKey: string | null;
  idempotencyKey: string | null;
  idempotencyKeyTtl: string | null;
  origin?: TriggerOrigin;
  /** Whether the caller may do this but once. */
};

/** Resolves a trigger's options. Errors: `unprocessable`, `bad_request`, `payload_too_large`, each naming the option. */
export const toTriggerItem = async (environmentId: string, request: TriggerRequest): Promise<TriggerItem> => {
  const options = request.body.options ?? {};
  const tags = options.tags ?? [];
  if (tags.length > tagsMax)
    throw new AppError("unprocessable", `A run has at most ${tagsMax} tags; got ${tags.length}.`);
  const idempotencyKey = await storableKey(options.idempotencyKey ?? request.idempotencyKey ?? null);
  const debounce = debounceOf(request.body.options);
  const ttl = options.idempotencyKeyTTL ?? request.idempotencyKeyTtl;
  return {
    id: newId("run"),
    environmentId,
    task: request.task,
    queue: options.queue?.name ?? null,
    concurrencyKey: options.concurrencyKey ?? "",
    laneId: newId("lane"),
    limits: options.concurrency === undefined ? null : [...new Set(options.concurrency)].sort(),
    ...gatesOf(options),
    ...payloadOf(request.body),
    delayUntil:
      debounce === null ? delayOf(options.delay) : new Date(Date.now() + debounce.delayMs).toISOString(),
    ttlMs: ttlOf(options.ttl),
    priority: priorityOf(options.priority),
    debounceKey: options.debounce?.key ?? null,
    idempotencyKey,
    idempotencyExpiresAt: idempotencyKey === null ? null : idempotencyExpiry(ttl),
    requestKey: await requestKeyOf(request),
    parentRunId: options.parentRunId ?? null,
    resumeParent: options.resumeParentOnCompletion === true,
    waitPointId: newId("waitPoint"),
    lockVersion: options.lockToVersion ?? null,
    externalDeploymentId: options.externalDeploymentId ?? null,
    maxAttempts: options.maxAttempts ?? null,
    machine: options.machine ?? null,
    maxDurationS: options.maxDuration ?? null,
    tags: [...new Set(tags)],
    metadata: metadataOf(options.metadata),
    isTest: options.test ?? false,
    triggerFunction:
      request.origin?.triggerFunction ??
      (options.resumeParentOnCompletion === true ? "triggerAndWait" : "trigger"),
    batchId: request.origin?.batchId ?? null,
    batchIndex: request.origin?.batchIndex ?? null,
    scheduleId: request.origin?.scheduleId ?? null,
    bulkActionId: request.origin?.bulkActionId ?? options.bulkActionId ?? null,
    replayedFromId: request.origin?.replayedFromId ?? null,
    region: options.region ?? null,
    labels: options.labels !== undefined && Object.keys(options.labels).length > 0 ? options.labels : null,
    idempotencyOptions: options.idempotencyKeyOptions ?? null,
  };
};

/** An item of a batch is known by its place there, whatever its task. */
const requestKeyOf = async ({ task, requestKey, origin }: TriggerRequest): Promise<string | null> => {
  if (requestKey === null || origin?.batchId !== undefined) return requestKey;
  return hashToken(`${task}\n${requestKey}`);
};

/** The packet as it is stored: a text is kept as it came, anything else as JSON. Source: the client wire contract, 3. */
const payloadOf = (body: TriggerBody): { payload: string | null; payloadType: PacketType } => {
  const named = body.options?.payloadType ?? "application/json";
  const payloadType = packetTypes.find((type) => type === named);
  if (payloadType === undefined) throw new AppError("unprocessable", `Unknown payloadType "${named}".`);
  if (payloadType === "application/store" && (typeof body.payload !== "string" || body.payload === "")) {
    throw new AppError(
      "bad_request",
      "payloadType application/store needs the stored packet's path as payload.",
    );
  }
  if (payloadType === "application/store") {
    return { payload: requirePacketPath(String(body.payload)), payloadType };
  }
  if (body.payload === undefined) return { payload: null, payloadType };
  return { payload: packetText(body.payload, payloadType), payloadType };
};

/** Clients send packets as text; plain `curl` sends JSON, and a JSON text that is a string is a string payload. */
const packetText = (payload: unknown, type: PacketType): string => {
  if (typeof payload !== "string") return writeJson(payload, "payload");
  if (type !== "application/json") return payload;
  try {
    JSON.parse(payload);
    return payload;
  } catch {
    return JSON.stringify(payload);
  }
};

/** Longest idempotency key a caller may send, and the longest that is kept as it is. Units: characters, bytes. */
const idempotencyKeyMax = 2_048;
const storedKeyBytesMax = 512;

/** A key as it is kept: one that an index could not hold is kept as its hash. */
export const storableKey = async (key: string | null): Promise<string | null> => {
  if (key === null || key === "") return null;
  if (key.length > idempotencyKeyMax) {
    throw new AppError("unprocessable", `An idempotency key has at most ${idempotencyKeyMax} characters.`);
  }
  const isShort = new TextEncoder().encode(key).length <= storedKeyBytesMax;
  return isShort ? key : `sha256:${await hashToken(key)}`;
};

const gatesOf = ({ gates: given }: TriggerOptions): Pick<TriggerItem, "gates" | "gatesKey"> => {
  if (given === undefined || given.length === 0) return { gates: null, gatesKey: null };
  const gates = given.map(({ queue, concurrencyKey }) => ({ queue, concurrencyKey: concurrencyKey ?? null }));
  return { gates, gatesKey: JSON.stringify(gates) };
};

/** How a trigger debounces. Units: milliseconds. */
export type Debounce = { key: string; delayMs: number; maxDelayMs: number | null; replaces: boolean };

/** Shortest pause that debounces. Units: milliseconds. */
const debounceMsMin = 1_000;

/** Reads the option `debounce`. Errors: `unprocessable` for a pause that is none. Source: the life cycle reference, 3.6. */
export const debounceOf = (options: TriggerOptions | undefined): Debounce | null => {
  const { debounce } = options ?? {};
  if (debounce === undefined) return null;
  const delayMs = spanOf("debounce.delay", debounce.delay);
  if (delayMs < debounceMsMin) throw new AppError("unprocessable", "debounce.delay is at least one second.");
  const maxDelayMs = debounce.maxDelay === undefined ? null : spanOf("debounce.maxDelay", debounce.maxDelay);
  if (maxDelayMs !== null && maxDelayMs <= delayMs) {
    throw new AppError("unprocessable", "debounce.maxDelay must be longer than debounce.delay.");
  }
  return { key: debounce.key, delayMs, maxDelayMs, replaces: debounce.mode === "trailing" };
};

const spanOf = (name: string, text: string): number => {
  const ms = parseDurationMs(text);
  if (ms === null) throw new AppError("unprocessable", `Invalid ${name} "${text}": a duration such as 30s.`);
  requireSpan(name, ms);
  return ms;
};

const delayOf = (delay: string | Date | undefined): string | null => {
  if (delay === undefined) return null;
  const dueMs = resolveDelayMs(delay, Date.now());
  if (dueMs === "invalid")
    throw new AppError(
      "unprocessable",
      `Invalid delay "${String(delay)}": a date or a duration such as 1h30m.`,
    );
  if (dueMs !== null) requireSpan("delay", dueMs - Date.now());
  return dueMs === null ? null : new Date(dueMs).toISOString();
};

const ttlOf = (ttl: string | number | undefined): number | null => {
  if (ttl === undefined) return null;
  const ttlMs = typeof ttl === "number" ? ttl * 1_000 : parseDurationMs(ttl);
  if (ttlMs === null)
    throw new AppError("unprocessable", `Invalid ttl "${ttl}": seconds or a duration such as 10m.`);
  requireSpan("ttl", ttlMs);
  return ttlMs === 0 ? null : ttlMs;
};

/** When an idempotency key that is used now lets go. Errors: `unprocessable`. */
export const idempotencyExpiry = (ttl: string | null | undefined): string => {
  const ttlMs = ttl == null ? idempotencyTtlMs : parseDurationMs(ttl);
  if (ttlMs === null)
    throw new AppError("unprocessable", `Invalid idempotencyKeyTTL "${ttl}": a duration such as 24h.`);
  requireSpan("idempotencyKeyTTL", ttlMs);
  return new Date(Date.now() + ttlMs).toISOString();
};

const requireSpan = (name: string, ms: number): void => {
  if (ms > spanMsMax) throw new AppError("unprocessable", `${name} is longer than ten years.`);
};

const priorityOf = (priority: number | undefined): number => {
  if (priority === undefined) return 0;
  if (Math.abs(priority) > priorityMax)
    throw new AppError("unprocessable", `priority is at most ${priorityMax}, in seconds.`);
  return priority;
};

const metadataOf = (metadata: unknown): Record<string, unknown> | null => {
  if (metadata === undefined || metadata === null) return null;
  const value = typeof metadata === "string" ? parseJson(metadata) : metadata;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AppError("unprocessable", "metadata must be an object.");
  }
  const record = unwrapSuperjson(value as Record<string, unknown>);
  if (new TextEncoder().encode(writeJson(record, "metadata")).length > metadataBytesMax) {
    throw new AppError("payload_too_large", `metadata is over the limit of ${metadataBytesMax} bytes.`);
  }
  return record;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("unprocessable", "metadata is not valid JSON.");
  }
};

/** The client sends metadata as a superjson packet; what is stored is the plain object in it. */
const unwrapSuperjson = (value: Record<string, unknown>): Record<string, unknown> => {
  const { json } = value;
  const isPacket =
    typeof json === "object" &&
    json !== null &&
    Object.keys(value).every((key) => key === "json" || key === "meta");
  return isPacket && !Array.isArray(json) ? (json as Record<string, unknown>) : value;
};
