import type {
  ConcurrencyLimitItem,
  ConcurrencyLimitKeyItem,
  ConcurrencyLimitList,
  OverrideLimitBody,
} from "@longshore/shared/contract/queues";
import { parseDurationMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import {
  findLimit,
  findLimitKey,
  type LimitKeyRow,
  type LimitRow,
  listLimits,
} from "../db/queries/list-limits.ts";
import { changeLimit, type LimitChange } from "../db/transitions/change-limit.ts";
import { overrideLimitKey, resetLimitKey } from "../db/transitions/change-limit-key.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { offsetPage } from "./offset-page.ts";
import { wakeAfter } from "./wake.ts";
import { wireDateOrNull } from "./wire-date.ts";

/** How long a key keeps a bound of its own unless the caller says, and at most. Units: milliseconds. */
const overrideTtlMs = 7 * 86_400_000;
const overrideTtlMsMax = 30 * 86_400_000;

const within = (bound: number | null, max: number): number | null =>
  bound === null ? null : Math.min(bound, max);

const serialise = (row: LimitRow): ConcurrencyLimitItem => ({
  id: row.id,
  name: row.name,
  perKey: {
    current: within(row.perKeyOverride ?? row.perKey, row.environmentLimit),
    base: row.perKey,
    override: row.perKeyOverride,
    overriddenAt: wireDateOrNull(row.perKeyOverriddenAt),
  },
  total: {
    current: within(row.totalOverride ?? row.total, row.environmentLimit),
    base: row.total,
    override: row.totalOverride,
    overriddenAt: wireDateOrNull(row.totalOverriddenAt),
  },
  running: row.running,
  queued: row.queued,
  paused: row.paused,
});

const serialiseKey = (row: LimitKeyRow): ConcurrencyLimitKeyItem => ({
  name: row.name,
  concurrencyKey: row.concurrencyKey,
  perKey: {
    current: within(row.override ?? row.perKey, row.environmentLimit),
    base: within(row.perKey, row.environmentLimit),
    override: row.override,
    expiresAt: wireDateOrNull(row.expiresAt),
  },
  running: row.running,
  paused: row.paused,
});

const present = <T>(row: T | null): T => {
  if (row === null) throw new AppError("not_found", "Concurrency limit not found", { shouldRetry: false });
  return row;
};

const resource = (name: string) => [{ type: "queues", id: name }];

/** `GET /api/v1/concurrency-limits`. Errors: `forbidden`. */
export const listLimitPage = async (
  deps: Deps,
  principal: Principal,
  query: { page: number; perPage: number },
): Promise<ConcurrencyLimitList> => {
  requireScope(principal, "read", [{ type: "queues" }]);
  const page = offsetPage(query);
  const { count, rows } = await listLimits(deps.db, principal.environmentId, page);
  return { data: rows.map(serialise), pagination: page.pagination(count) };
};

/** `GET /api/v1/concurrency-limits/:name`: the limit, or how it holds for one key. Errors: `forbidden`, `not_found`. */
export const readLimit = async (
  deps: Deps,
  principal: Principal,
  name: string,
  concurrencyKey: string | undefined,
): Promise<ConcurrencyLimitItem | ConcurrencyLimitKeyItem> => {
  requireScope(principal, "read", resource(name));
  const { environmentId } = principal;
  if (concurrencyKey === undefined) return serialise(present(await findLimit(deps.db, environmentId, name)));
  return serialiseKey(present(await findLimitKey(deps.db, { environmentId, name, concurrencyKey })));
};

const ttlMsOf = (ttl: string | number | undefined): number => {
  if (ttl === undefined) return overrideTtlMs;
  const ttlMs = typeof ttl === "number" ? ttl * 1_000 : parseDurationMs(ttl);
  if (ttlMs === null || ttlMs <= 0 || ttlMs > overrideTtlMsMax)
    throw new AppError(
      "bad_request",
      `ttl: a duration such as 7d or seconds, at most 30 days; got "${ttl}".`,
    );
  return ttlMs;
};

/** What grew may start at once. */
const wake = (deps: Deps, environmentId: string): Promise<void> =>
  wakeAfter(deps, { environmentIds: [environmentId], agentIds: [] });

const change = async (
  deps: Deps,
  principal: Principal,
  name: string,
  what: LimitChange,
): Promise<ConcurrencyLimitItem> => {
  requireScope(principal, "write", resource(name));
  const { environmentId } = principal;
  const row = present(await changeLimit(deps.db, { environmentId, name }, what));
  await wake(deps, environmentId);
  return serialise(row);
};

/** `POST /api/v1/concurrency-limits/:name/override`. Errors: `forbidden`, `not_found`, `bad_request` for a wrong ttl. */
export const overrideLimit = async (
  deps: Deps,
  principal: Principal,
  name: string,
  body: OverrideLimitBody,
): Promise<ConcurrencyLimitItem | ConcurrencyLimitKeyItem> => {
  const { perKey, total, concurrencyKey } = body;
  if (concurrencyKey === undefined || perKey === undefined) {
    return change(deps, principal, name, {
      ...(perKey === undefined ? {} : { perKey }),
      ...(total === undefined ? {} : { total }),
    });
  }
  requireScope(principal, "write", resource(name));
  const { environmentId } = principal;
  const override = { slotId: newId("limitSlot"), max: perKey, ttlMs: ttlMsOf(body.ttl) };
  const row = present(await overrideLimitKey(deps.db, { environmentId, name, concurrencyKey }, override));
  await wake(deps, environmentId);
  return serialiseKey(row);
};

/** `POST /api/v1/concurrency-limits/:name/reset`: of the limit, or of one key alone. Errors: `forbidden`, `not_found`. */
export const resetLimit = async (
  deps: Deps,
  principal: Principal,
  name: string,
  concurrencyKey: string | undefined,
): Promise<ConcurrencyLimitItem | ConcurrencyLimitKeyItem> => {
  if (concurrencyKey === undefined) return change(deps, principal, name, { perKey: null, total: null });
  requireScope(principal, "write", resource(name));
  const { environmentId } = principal;
  const row = present(await resetLimitKey(deps.db, { environmentId, name, concurrencyKey }));
  await wake(deps, environmentId);
  return serialiseKey(row);
};

/** `POST /api/v1/concurrency-limits/:name/pause`: nothing under it starts until it is resumed. Errors: as above. */
export const pauseLimit = (
  deps: Deps,
  principal: Principal,
  name: string,
  action: "pause" | "resume",
): Promise<ConcurrencyLimitItem> => change(deps, principal, name, { paused: action === "pause" });
