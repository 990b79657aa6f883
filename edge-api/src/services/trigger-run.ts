import type { PacketType } from "@longshore/shared/contract/packets";
import { packetTypes } from "@longshore/shared/contract/packets";
import type { TriggerBody, TriggerOptions } from "@longshore/shared/contract/trigger";
import { parseDurationMs, resolveDelayMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { isDataFault } from "../db/retry-conflicts.ts";
import { type TriggerItem, type TriggerOutcome, triggerRuns } from "../db/transitions/trigger-runs.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { groupCommit } from "./group-commit.ts";
import { hashToken } from "./hash-token.ts";
import { signToken } from "./tokens.ts";

const tagsMax = 10;
/** Units: bytes of JSON. */
const metadataBytesMax = 256 * 1024;
/** Longest delay and time to live that are accepted. Units: milliseconds (ten years). */
const spanMsMax = 315_360_000_000;
/** Furthest that a priority moves a run in its queue. Units: seconds (ten years). */
const priorityMax = spanMsMax / 1_000;
/** How long an idempotency key lives unless the caller says. Units: milliseconds. */
const idempotencyTtlMs = 30 * 86_400_000;
/** Life of the token a trigger answers with. Units: seconds. */
const handleTokenLifeS = 3_600;

const writers = new WeakMap<Deps["db"], (item: TriggerItem) => Promise<TriggerOutcome>>();

/** Statements in flight beyond two only split the groups; more items than this make no statement cheaper. */
const writerOf = (deps: Deps): ((item: TriggerItem) => Promise<TriggerOutcome>) => {
  const one = async (item: TriggerItem) => firstOf(await triggerRuns(deps.db, [item]));
  if (!deps.groupsCommits) return one;
  const known =
    writers.get(deps.db) ??
    groupCommit((items) => triggerRuns(deps.db, items), {
      itemsMax: 200,
      flightsMax: 2,
      isItemFault: isDataFault,
    });
  writers.set(deps.db, known);
  return known;
};

const firstOf = (outcomes: TriggerOutcome[]): TriggerOutcome => {
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error("a trigger answered no outcome");
  return outcome;
};

/** A trigger as the route parsed it. `requestKey` is the client's own key for this very request. */
export type TriggerRequest = {
  task: string;
  body: TriggerBody;
  requestKey: string | null;
  idempotencyKey: string | null;
  idempotencyKeyTtl: string | null;
};

/**
 * Triggers a task: the run exists, durably, when this returns.
 *
 * Errors: `not_found` for an unknown task, `unprocessable` for options that cannot be honoured, `forbidden`.
 * Cost: one round trip, shared with the triggers that arrive meanwhile. Source: the client wire contract, 4.1.
 */
export const triggerRun = async (
  deps: Deps,
  principal: Principal,
  request: TriggerRequest,
): Promise<{ id: string; isCached: boolean; token: string; claims: object }> => {
  requireScope(principal, "trigger", [{ type: "tasks", id: request.task }]);
  const item = await toItem(principal.environmentId, request);
  const outcome = await write(deps, item);
  const runId = outcome.runId ?? "";
  if (outcome.kind === "created" && outcome.poolId !== null) await deps.hints.wakePool(outcome.poolId);
  const scopes = [`read:runs:${runId}`, `write:inputStreams:${runId}`];
  return {
    id: runId,
    isCached: outcome.kind === "cached",
    token: await signToken(deps, principal.environmentId, { pub: true, scopes }, handleTokenLifeS),
    claims: { sub: principal.environmentId, pub: true, scopes },
  };
};

const write = async (deps: Deps, item: TriggerItem): Promise<TriggerOutcome> => {
  const writeItem = writerOf(deps);
  for (let tries = 0; tries < 5; tries++) {
    const outcome = await writeItem(item).catch(refuseUnstorable);
    if (outcome.kind === "again") continue;
    refuseUnknown(outcome, item);
    return outcome;
  }
  throw new AppError("unavailable", "Other triggers with this idempotency key are in the way; try again.");
};

const refuseUnstorable = (cause: unknown): never => {
  if (!isDataFault(cause)) throw cause;
  throw new AppError("unprocessable", "The request holds a value that cannot be stored.", { cause });
};

const refuseUnknown = (outcome: TriggerOutcome, item: TriggerItem): void => {
  switch (outcome.kind) {
    case "task_missing":
      throw new AppError("not_found", `Task "${item.task}" not found in this environment. Deploy it first.`, {
        shouldRetry: false,
      });
    case "version_missing":
      throw new AppError(
        "unprocessable",
        `Version "${item.lockVersion}" is not deployed in this environment.`,
      );
    case "queue_missing":
      throw new AppError("unprocessable", `Queue "${item.queue}" not found in this environment.`);
    case "parent_missing":
      throw new AppError(
        "unprocessable",
        `Parent run "${item.parentRunId}" is not running in this environment.`,
      );
    default:
  }
};

const toItem = async (environmentId: string, request: TriggerRequest): Promise<TriggerItem> => {
  const options = request.body.options ?? {};
  const tags = options.tags ?? [];
  if (tags.length > tagsMax)
    throw new AppError("unprocessable", `A run has at most ${tagsMax} tags; got ${tags.length}.`);
  refuseUnsupported(options);
  const idempotencyKey = await storableKey(options.idempotencyKey ?? request.idempotencyKey ?? null);
  const ttl = options.idempotencyKeyTTL ?? request.idempotencyKeyTtl;
  return {
    id: newId("run"),
    environmentId,
    task: request.task,
    queue: options.queue?.name ?? null,
    concurrencyKey: options.concurrencyKey ?? "",
    laneId: newId("lane"),
    ...payloadOf(request.body),
    delayUntil: delayOf(options.delay),
    ttlMs: ttlOf(options.ttl),
    priority: priorityOf(options.priority),
    idempotencyKey,
    idempotencyExpiresAt: idempotencyKey === null ? null : expiryOf(ttl),
    // One key is enough, and the caller's own is the stronger: it also recognises a repeated request.
    requestKey:
      request.requestKey === null || idempotencyKey !== null
        ? null
        : await hashToken(`${request.task}\n${request.requestKey}`),
    parentRunId: options.parentRunId ?? null,
    resumeParent: options.resumeParentOnCompletion === true,
    waitPointId: newId("waitPoint"),
    lockVersion: options.lockToVersion ?? null,
    maxAttempts: options.maxAttempts ?? null,
    machine: options.machine ?? null,
    maxDurationS: options.maxDuration ?? null,
    tags: [...new Set(tags)],
    metadata: metadataOf(options.metadata),
    isTest: options.test ?? false,
    triggerFunction: options.resumeParentOnCompletion === true ? "triggerAndWait" : "trigger",
  };
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
    throw new AppError("unprocessable", "Stored payloads (application/store) are not supported yet.");
  }
  if (body.payload === undefined) return { payload: null, payloadType };
  return { payload: packetText(body.payload, payloadType), payloadType };
};

/** Errors: a value so deep that it cannot be written as JSON. */
const stringify = (value: unknown, name: string): string => {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new AppError("unprocessable", `The ${name} is nested too deeply.`, { cause });
  }
};

/** Clients send packets as text; plain `curl` sends JSON, and a JSON text that is a string is a string payload. */
const packetText = (payload: unknown, type: PacketType): string => {
  if (typeof payload !== "string") return stringify(payload, "payload");
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
const storableKey = async (key: string | null): Promise<string | null> => {
  if (key === null || key === "") return null;
  if (key.length > idempotencyKeyMax) {
    throw new AppError("unprocessable", `An idempotency key has at most ${idempotencyKeyMax} characters.`);
  }
  const isShort = new TextEncoder().encode(key).length <= storedKeyBytesMax;
  return isShort ? key : `sha256:${await hashToken(key)}`;
};

/** Errors: an option that would change what happens, and that this version cannot honour. */
const refuseUnsupported = (options: TriggerOptions): void => {
  for (const name of ["debounce", "gates", "concurrency"] as const) {
    if (options[name] !== undefined) {
      throw new AppError("unprocessable", `The option "${name}" is not supported yet.`);
    }
  }
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

const expiryOf = (ttl: string | null | undefined): string => {
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
  if (new TextEncoder().encode(stringify(record, "metadata")).length > metadataBytesMax) {
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
