import type { TokenStatus } from "@longshore/shared/contract/waitpoints";
import { ambientApi } from "./configure.ts";
import { currentHost } from "./host.ts";
import { listPages, type PagePromise } from "./http/pages.ts";
import { parsePacket } from "./packets.ts";
import { WaitpointTimeoutError } from "./task-errors.ts";

/** A token, by its id or as `createToken` answered it. */
export type WaitTokenSource = string | { id: string };

/** Units: `timeout` a date or a duration such as "10m"; without it the token waits for ever. */
export type CreateTokenOptions = {
  timeout?: string | Date;
  /** Another call with the same key answers the same token. */
  idempotencyKey?: string;
  idempotencyKeyTTL?: string;
  /** At most 10. */
  tags?: string | string[];
};

/** A token that somebody will complete: by `completeToken`, or with a POST of JSON to `url`. */
export type WaitToken = {
  id: string;
  url: string;
  isCached: boolean;
  /** May complete this token for 24 hours, for instance from a browser. */
  publicAccessToken: string;
};

/** A token in a list. */
export type WaitTokenItem = {
  id: string;
  url: string;
  status: TokenStatus;
  createdAt: Date;
  completedAt?: Date;
  timeoutAt?: Date;
  idempotencyKey?: string;
  idempotencyKeyExpiresAt?: Date;
  tags: string[];
};

/** A token in full. `output` is there once it is completed, `error` once it timed out. */
export type RetrievedToken<T> = WaitTokenItem & { output?: T; error?: Error };

/** Which tokens to list. Units: `limit` per page, at most 100; `period` a duration such as "1d". */
export type ListTokensQuery = {
  status?: TokenStatus | readonly TokenStatus[];
  idempotencyKey?: string;
  tags?: string | readonly string[];
  period?: string;
  from?: Date | number;
  to?: Date | number;
  limit?: number;
  after?: string;
  before?: string;
};

/** How a wait for a token ended. */
export type TokenResult<T> = { ok: true; output: T } | { ok: false; error: Error };

/** Await it for the result, or `.unwrap()` it for the output alone. */
export type TokenPromise<T> = Promise<TokenResult<T>> & {
  /** Errors: WaitpointTimeoutError when nobody completed the token in time. */
  unwrap(): Promise<T>;
};

const path = "/api/v1/waitpoints/tokens";
const idOf = (token: WaitTokenSource): string => {
  const id = typeof token === "string" ? token : token?.id;
  if (typeof id === "string" && id !== "") return id;
  throw new TypeError("a wait token is named by its id, or by what wait.createToken answered");
};
const pathOf = (token: WaitTokenSource, rest = ""): string =>
  `${path}/${encodeURIComponent(idOf(token))}${rest}`;

const withFields = <T>(fields: readonly string[]) => ({
  parse: (value: unknown): T => {
    const missing = fields.find(
      (field) => (value as Record<string, unknown> | undefined)?.[field] === undefined,
    );
    if (missing !== undefined) throw new TypeError(`a wait token must have \`${missing}\``);
    return value as T;
  },
});

const dates = ["createdAt", "completedAt", "timeoutAt", "idempotencyKeyExpiresAt"] as const;
type WireToken = { id: string; url: string; status: TokenStatus; tags: string[] } & {
  output?: string;
  outputType?: string;
  outputIsError?: boolean;
};
const tokenSchema = withFields<WireToken>(["id", "url", "status", "createdAt"]);

const withDates = (wire: WireToken): WaitTokenItem => {
  const { output: _1, outputType: _2, outputIsError: _3, ...rest } = wire;
  const token: Record<string, unknown> = { ...rest };
  for (const field of dates) if (typeof token[field] === "string") token[field] = new Date(token[field]);
  return token as WaitTokenItem;
};

/** Cost: one request. */
const createToken = async (options: CreateTokenOptions = {}): Promise<WaitToken> => {
  const { timeout, ...rest } = options;
  let publicAccessToken = "";
  const schema = withFields<{ id: string; url: string; isCached?: boolean }>(["id", "url"]);
  const made = await ambientApi().request(schema, "POST", path, {
    body: {
      ...rest,
      ...(timeout === undefined
        ? {}
        : { timeout: timeout instanceof Date ? timeout.toISOString() : timeout }),
    },
    onResponse: (response) => {
      publicAccessToken = response.headers.get("x-trigger-jwt") ?? "";
    },
  });
  return { id: made.id, url: made.url, isCached: made.isCached === true, publicAccessToken };
};

/** Completes a token, which wakes whoever waits for it; one that is complete stays as it is. Cost: one request. */
const completeToken = async <T>(token: WaitTokenSource, data?: T): Promise<{ success: true }> => {
  const schema = withFields<{ success: true }>(["success"]);
  return ambientApi().request(schema, "POST", pathOf(token, "/complete"), { body: { data } });
};

const retrieveToken = async <T = unknown>(token: WaitTokenSource): Promise<RetrievedToken<T>> => {
  const wire = await ambientApi().request(tokenSchema, "GET", pathOf(token));
  const found: RetrievedToken<T> = withDates(wire);
  if (wire.status === "TIMED_OUT" || wire.outputIsError)
    return { ...found, error: new WaitpointTimeoutError() };
  if (wire.output === undefined) return found;
  const output = await parsePacket({ data: wire.output, type: wire.outputType ?? "application/json" });
  return { ...found, output: output as T };
};

const many = (value: string | readonly string[] | undefined) => (typeof value === "string" ? [value] : value);
const epochMs = (value: Date | number | undefined) => (value instanceof Date ? value.getTime() : value);

/** Await it for a page, newest first, or iterate it for every token. */
const listTokens = (query: ListTokensQuery = {}): PagePromise<WaitTokenItem> =>
  listPages(
    ambientApi(),
    path,
    {
      "page[size]": query.limit,
      "page[after]": query.after,
      "page[before]": query.before,
      "filter[status]": many(query.status),
      "filter[idempotencyKey]": query.idempotencyKey,
      "filter[tags]": many(query.tags),
      "filter[createdAt][period]": query.period,
      "filter[createdAt][from]": epochMs(query.from),
      "filter[createdAt][to]": epochMs(query.to),
    },
    (value) => withDates(tokenSchema.parse(value)),
  );

const waitForToken = async <T>(token: WaitTokenSource): Promise<TokenResult<T>> => {
  const host = currentHost();
  if (!host) throw new Error("wait.forToken can only be used from inside a task.run()");
  const [completed] = await host.wait([{ kind: "token", id: idOf(token) }]);
  if (!completed) throw new Error(`the wait for token ${idOf(token)} ended without its result`);
  if (!completed.ok) return { ok: false, error: new WaitpointTimeoutError() };
  const output = await parsePacket({ data: completed.output ?? null, type: completed.outputType ?? null });
  return { ok: true, output: output as T };
};

/**
 * Waits until a token is completed, without holding a slot. Only inside a task.
 * Errors: rejects outside a task and when the run is cancelled; a time-out is a result, not a rejection.
 */
const forToken = <T = unknown>(token: WaitTokenSource): TokenPromise<T> => {
  const result = waitForToken<T>(token);
  return Object.assign(result, {
    unwrap: async () => {
      const ended = await result;
      if (ended.ok) return ended.output;
      throw ended.error;
    },
  });
};

/** The token part of `wait`. */
export const waitTokens = { createToken, completeToken, retrieveToken, listTokens, forToken };
