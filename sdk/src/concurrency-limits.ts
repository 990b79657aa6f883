import type { ConcurrencyLimitItem, ConcurrencyLimitKeyItem } from "@longshore/shared/contract/queues";
import { ambientApi } from "./configure.ts";
import type { Api } from "./http/api.ts";
import { listOffsetPages, type OffsetPagePromise, type OffsetQuery } from "./http/offset-pages.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { type WithDates, withDates } from "./wire-dates.ts";

/** A named limit: `total` holds for all runs under it, `perKey` for those of each concurrency key. */
export type ConcurrencyLimitState = Omit<ConcurrencyLimitItem, "perKey" | "total"> & {
  perKey: WithDates<ConcurrencyLimitItem["perKey"], "overriddenAt">;
  total: WithDates<ConcurrencyLimitItem["total"], "overriddenAt">;
};

/** The same limit as it holds for one concurrency key. */
export type ConcurrencyLimitKeyState = Omit<ConcurrencyLimitKeyItem, "perKey"> & {
  perKey: WithDates<ConcurrencyLimitKeyItem["perKey"], "expiresAt">;
};

type OfKey = { concurrencyKey: string };
/** In place of what the code declares. */
export type LimitOverride = { perKey?: number; total?: number };
/** For one key, for a while: `ttl` a duration such as "7d", or seconds. */
export type KeyOverride = OfKey & { perKey: number; ttl?: string | number };

const limitSchema = recordDecoder<ConcurrencyLimitItem>("a limit", ["id", "name", "perKey", "total"]);
const keySchema = recordDecoder<ConcurrencyLimitKeyItem>("a key of a limit", [
  "name",
  "concurrencyKey",
  "perKey",
]);

const readLimit = (wire: unknown): ConcurrencyLimitState => {
  const limit = limitSchema.parse(wire);
  const perKey = withDates(limit.perKey, ["overriddenAt"]);
  return { ...limit, perKey, total: withDates(limit.total, ["overriddenAt"]) };
};
const readKey = (wire: unknown): ConcurrencyLimitKeyState => {
  const key = keySchema.parse(wire);
  return { ...key, perKey: withDates(key.perKey, ["expiresAt"]) };
};

type State = ConcurrencyLimitState | ConcurrencyLimitKeyState;
const isOfKey = (value: object | undefined): value is OfKey =>
  value !== undefined && "concurrencyKey" in value;
const readerFor = (value: object | undefined): { parse(wire: unknown): State } => ({
  parse: isOfKey(value) ? readKey : readLimit,
});

const pathOf = (name: string, rest = ""): string =>
  `/api/v1/concurrency-limits/${encodeURIComponent(name)}${rest}`;

/** The named limits of an environment; calls with a `concurrencyKey` are about that key alone. */
export type ConcurrencyLimitsClient = {
  list(query?: OffsetQuery, requestOptions?: RequestOptions): OffsetPagePromise<ConcurrencyLimitState>;
  retrieve: {
    (name: string, key: OfKey, requestOptions?: RequestOptions): Promise<ConcurrencyLimitKeyState>;
    (name: string, requestOptions?: RequestOptions): Promise<ConcurrencyLimitState>;
  };
  override: {
    (name: string, value: KeyOverride, requestOptions?: RequestOptions): Promise<ConcurrencyLimitKeyState>;
    (name: string, value: LimitOverride, requestOptions?: RequestOptions): Promise<ConcurrencyLimitState>;
  };
  /** Back to what the code declares. */
  reset: {
    (name: string, key: OfKey, requestOptions?: RequestOptions): Promise<ConcurrencyLimitKeyState>;
    (name: string, requestOptions?: RequestOptions): Promise<ConcurrencyLimitState>;
  };
  pause(name: string, requestOptions?: RequestOptions): Promise<ConcurrencyLimitState>;
  resume(name: string, requestOptions?: RequestOptions): Promise<ConcurrencyLimitState>;
};

/** Tells a key from request options, either of which may come second. */
const splitKey = (second: OfKey | RequestOptions | undefined, third: RequestOptions | undefined) =>
  isOfKey(second) ? { key: second, options: third } : { key: undefined, options: second };

/** Binds the noun to an API. */
export const concurrencyLimitsOf = (api: () => Api): ConcurrencyLimitsClient => {
  const change = async (name: string, rest: string, body: object, options: RequestOptions | undefined) =>
    api().request(readerFor(body), "POST", pathOf(name, rest), { ...callParts(options), body });
  const retrieve = async (name: string, second?: OfKey | RequestOptions, third?: RequestOptions) => {
    const { key, options } = splitKey(second, third);
    return api().request(readerFor(key), "GET", pathOf(name), { ...callParts(options), query: { ...key } });
  };
  const reset = async (name: string, second?: OfKey | RequestOptions, third?: RequestOptions) => {
    const { key, options } = splitKey(second, third);
    return change(name, "/reset", { ...key }, options);
  };
  const turn = async (name: string, action: "pause" | "resume", options: RequestOptions | undefined) =>
    api().request({ parse: readLimit }, "POST", pathOf(name, "/pause"), {
      ...callParts(options),
      body: { action },
    });
  return {
    list: (query = {}, options) =>
      listOffsetPages(api(), "/api/v1/concurrency-limits", { ...query }, readLimit, options),
    retrieve: retrieve as ConcurrencyLimitsClient["retrieve"],
    override: ((name: string, value: LimitOverride | KeyOverride, options?: RequestOptions) =>
      change(name, "/override", value, options)) as ConcurrencyLimitsClient["override"],
    reset: reset as ConcurrencyLimitsClient["reset"],
    pause: (name, options) => turn(name, "pause", options),
    resume: (name, options) => turn(name, "resume", options),
  };
};

/** The named limits of the configured environment; inside a task, of the task's own. */
export const concurrencyLimits = concurrencyLimitsOf(ambientApi);
