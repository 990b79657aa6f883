import type {
  CreateTokenBody,
  CreateTokenResponse,
  WaitToken,
  WaitTokenList,
  WaitTokenListQuery,
} from "@longshore/shared/contract/waitpoints";
import { parseDurationMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { findToken, listTokens, type TokenFilter, type TokenRow } from "../db/queries/read-tokens.ts";
import { completeTokens } from "../db/transitions/complete-tokens.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { makeWaitPoint } from "./make-wait-point.ts";
import { isSigned, signText } from "./sign-text.ts";
import { signTokenFor } from "./tokens.ts";
import { wakeAfter } from "./wake.ts";
import { wireDate } from "./wire-date.ts";
import { writeJson } from "./write-json.ts";

const tagsMax = 10;
/** Life of the token that may complete a wait token. Units: seconds. */
const handleTokenLifeS = 86_400;
/** Furthest time-out. Units: milliseconds (ten years). */
const spanMsMax = 315_360_000_000;

const timeoutOf = (timeout: string | undefined): string | null => {
  if (timeout === undefined) return null;
  const durationMs = parseDurationMs(timeout);
  const atMs = durationMs === null ? Date.parse(timeout) : Date.now() + durationMs;
  if (Number.isNaN(atMs))
    throw new AppError("unprocessable", `Invalid timeout "${timeout}": a date or a duration such as 10m.`);
  if (Math.abs(atMs - Date.now()) > spanMsMax)
    throw new AppError("unprocessable", "timeout is more than ten years away.");
  return new Date(atMs).toISOString();
};

const callbackOf = async (deps: Deps, origin: string, id: string): Promise<string> =>
  `${origin}/api/v1/waitpoints/tokens/${id}/callback/${await signText(deps, "token-callback", [id])}`;

/**
 * `POST /api/v1/waitpoints/tokens`. Units: `origin` is the address at which callers reach this API.
 * Errors: `unprocessable` names the field; `forbidden`. Source: the client wire contract, 4.8.
 */
export const createWaitToken = async (
  deps: Deps,
  principal: Principal,
  body: CreateTokenBody,
  origin: string,
): Promise<CreateTokenResponse & { token: string; claims: object }> => {
  requireScope(principal, "write", [{ type: "waitpoints" }]);
  const tags = [...new Set(body.tags ?? [])];
  if (tags.length > tagsMax)
    throw new AppError("unprocessable", `A wait token has at most ${tagsMax} tags; got ${tags.length}.`);
  const { environmentId } = principal;
  const dueAt = timeoutOf(body.timeout);
  const point = { id: newId("waitPoint"), environmentId, kind: "token" as const, dueAt, tags, runId: null };
  const made = await makeWaitPoint(deps, point, body);
  const scopes = [`write:waitpoints:${made.id}`];
  return {
    id: made.id,
    isCached: made.isCached,
    url: await callbackOf(deps, origin, made.id),
    token: await signTokenFor(deps, principal, { pub: true, scopes }, handleTokenLifeS),
    claims: { sub: environmentId, pub: true, scopes },
  };
};

const serialise = async (deps: Deps, row: TokenRow, origin: string): Promise<WaitToken> => ({
  id: row.id,
  url: await callbackOf(deps, origin, row.id),
  status: row.status === "pending" ? "WAITING" : row.error === null ? "COMPLETED" : "TIMED_OUT",
  createdAt: wireDate(row.createdAt),
  ...(row.completedAt === null ? {} : { completedAt: wireDate(row.completedAt) }),
  ...(row.timeoutAt === null ? {} : { timeoutAt: wireDate(row.timeoutAt) }),
  ...(row.idempotencyKey === null ? {} : { idempotencyKey: row.idempotencyKey }),
  ...(row.idempotencyExpiresAt === null
    ? {}
    : { idempotencyKeyExpiresAt: wireDate(row.idempotencyExpiresAt) }),
  tags: row.tags,
});

/** `GET /api/v1/waitpoints/tokens/:id`. Errors: `not_found`, `forbidden`. */
export const readWaitToken = async (
  deps: Deps,
  principal: Principal,
  id: string,
  origin: string,
): Promise<WaitToken> => {
  requireScope(principal, "read", [{ type: "waitpoints", id }]);
  const row = await findToken(deps.db, principal.environmentId, id);
  if (row === null) throw notFound();
  return {
    ...(await serialise(deps, row, origin)),
    ...(row.output === null ? {} : { output: row.output, outputType: row.outputType ?? "application/json" }),
    ...(row.status === "pending" ? {} : { outputIsError: row.error !== null }),
  };
};

const notFound = () => new AppError("not_found", "Wait token not found", { shouldRetry: false });

const filterOf = (query: WaitTokenListQuery): TokenFilter => {
  const period = query["filter[createdAt][period]"];
  const periodMs = period === undefined ? undefined : parseDurationMs(period);
  if (periodMs === null)
    throw new AppError(
      "bad_request",
      `Invalid filter[createdAt][period] "${period}": a duration such as 7d.`,
    );
  const from =
    query["filter[createdAt][from]"] ?? (periodMs === undefined ? undefined : Date.now() - periodMs);
  const to = query["filter[createdAt][to]"];
  const idempotencyKey = query["filter[idempotencyKey]"];
  return {
    ...(query["filter[status]"] === undefined ? {} : { statuses: query["filter[status]"] }),
    ...(query["filter[tags]"] === undefined ? {} : { tags: query["filter[tags]"] }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(from === undefined ? {} : { fromMs: from }),
    ...(to === undefined ? {} : { toMs: to }),
  };
};

/** `GET /api/v1/waitpoints/tokens`: newest first, by cursor. Errors: `bad_request`, `forbidden`. */
export const listWaitTokens = async (
  deps: Deps,
  principal: Principal,
  query: WaitTokenListQuery,
  origin: string,
): Promise<WaitTokenList> => {
  requireScope(principal, "read", [{ type: "waitpoints" }]);
  const after = query["page[after]"];
  const before = query["page[before]"];
  const page = await listTokens(deps.db, principal.environmentId, filterOf(query), {
    size: query["page[size]"],
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
  });
  const last = page.rows.at(-1)?.id;
  const first = page.rows[0]?.id;
  return {
    data: await Promise.all(page.rows.map((row) => serialise(deps, row, origin))),
    pagination: {
      ...(page.hasOlder && last !== undefined ? { next: last } : {}),
      ...(page.hasNewer && first !== undefined ? { previous: first } : {}),
    },
  };
};

/** Errors: those of `writeJson`. */
const outputOf = (data: unknown, name: string): string | null =>
  data === undefined ? null : writeJson(data, name);

const complete = async (
  deps: Deps,
  environmentId: string,
  id: string,
  output: string | null,
): Promise<void> => {
  const { results, hints } = await completeTokens(deps.db, [
    { id, environmentId, output, outputType: "application/json" },
  ]);
  if (results[0] === "missing") throw notFound();
  await wakeAfter(deps, hints);
};

/** `POST /api/v1/waitpoints/tokens/:id/complete`; one that is complete stays as it is. Errors: `not_found`, `forbidden`, `unprocessable`. */
export const completeWaitToken = async (
  deps: Deps,
  principal: Principal,
  id: string,
  data: unknown,
): Promise<{ success: true }> => {
  requireScope(principal, "write", [{ type: "waitpoints", id }]);
  await complete(deps, principal.environmentId, id, outputOf(data ?? undefined, "data"));
  return { success: true };
};

/** `POST /api/v1/waitpoints/tokens/:id/callback/:hash`: who has the address may complete it. Errors: `unauthorized`, `not_found`, `unprocessable`. */
export const completeByCallback = async (
  deps: Deps,
  id: string,
  hash: string,
  readData: () => Promise<unknown>,
): Promise<{ success: true }> => {
  if (!(await isSigned(deps, "token-callback", [id], hash)))
    throw new AppError("unauthorized", "This is not the callback address of a wait token.");
  const row = await findToken(deps.db, null, id);
  if (row === null) throw notFound();
  await complete(deps, row.environmentId, id, outputOf(await readData(), "body"));
  return { success: true };
};
