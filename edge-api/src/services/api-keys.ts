import {
  type ApiKeyItem,
  type ApiKeyList,
  apiKeysMax,
  type CreateApiKeyBody,
  type CreatedApiKey,
} from "@longshore/shared/contract/credentials";
import { AppError } from "@longshore/shared/core/error-codes";
import { findKeySlug } from "../db/queries/find-environment.ts";
import {
  type ApiKeyRow,
  listApiKeys as listRows,
  revokeApiKey as revokeRow,
} from "../db/transitions/api-keys.ts";
import { scopePresets, scopesBeyond } from "../domain/scopes.ts";
import { forgetCredential, type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { wireDate } from "./wire-date.ts";
import { writeApiKey } from "./write-api-key.ts";

const serialise = (row: ApiKeyRow): ApiKeyItem => ({
  id: row.id,
  name: row.name,
  hint: row.hint,
  scopes: row.scopes,
  status: row.status,
  createdAt: wireDate(row.createdAt),
  ...(row.expiresAt === null ? {} : { expiresAt: wireDate(row.expiresAt) }),
  ...(row.revokedAt === null ? {} : { revokedAt: wireDate(row.revokedAt) }),
  ...(row.graceUntil === null ? {} : { graceUntil: wireDate(row.graceUntil) }),
});

const requireKeeper = (principal: Principal, action: "read" | "write", id?: string): void => {
  requireOutsider(principal);
  requireScope(principal, action, [{ type: "apiKeys", ...(id === undefined ? {} : { id }) }]);
};

/** Errors: `scopes_exceed_key_access` when somebody would hand out more than they have. */
export const requireCovered = (principal: Principal, wanted: readonly string[]): void => {
  const deniedScopes = scopesBeyond(principal.scopes, wanted);
  if (deniedScopes.length === 0) return;
  throw new AppError(
    "scopes_exceed_key_access",
    `These scopes exceed what the credential itself may do: ${deniedScopes.join(", ")}`,
    { fields: { deniedScopes } },
  );
};

const scopesOf = (principal: Principal, body: CreateApiKeyBody): readonly string[] | null => {
  const wanted = body.scopes ?? (body.preset === undefined ? principal.scopes : scopePresets[body.preset]);
  requireCovered(principal, wanted ?? ["admin"]);
  return wanted;
};

/** Errors: `bad_request` for an end that has passed. */
export const requireFuture = (expiresAt: string | undefined): string | null => {
  if (expiresAt === undefined) return null;
  if (Date.parse(expiresAt) <= Date.now()) throw new AppError("bad_request", "expiresAt lies in the past.");
  return new Date(expiresAt).toISOString();
};

/** `GET /api/v1/api-keys`. Errors: `forbidden`. */
export const listApiKeys = async (deps: Deps, principal: Principal): Promise<ApiKeyList> => {
  requireKeeper(principal, "read");
  return { data: (await listRows(deps.db, principal.environmentId)).map(serialise) };
};

/**
 * `POST /api/v1/api-keys`: the answer shows the key, and nothing ever does again.
 * Errors: `forbidden`, `scopes_exceed_key_access`, `bad_request`; `unprocessable` when there are too many.
 */
export const createApiKey = async (
  deps: Deps,
  principal: Principal,
  body: CreateApiKeyBody,
): Promise<CreatedApiKey> => {
  requireKeeper(principal, "write");
  const wish = {
    name: body.name,
    scopes: scopesOf(principal, body),
    expiresAt: requireFuture(body.expiresAt),
  };
  const environment = await findKeySlug(deps.db, principal.environmentId);
  if (environment === null) throw new AppError("not_found", "Environment not found");
  const made = await writeApiKey(deps, environment, wish, apiKeysMax);
  if (made === null) {
    throw new AppError(
      "unprocessable",
      `This environment has ${apiKeysMax} keys that work. Revoke one and try again.`,
    );
  }
  return { ...serialise(made.row), key: made.key };
};

/**
 * `POST /api/v1/api-keys/:id/revoke`: at once, or after a grace in which the key still works. A second call may shorten
 * the grace. Units: `graceS` seconds. Errors: `forbidden`, `not_found`.
 */
export const revokeApiKey = async (
  deps: Deps,
  principal: Principal,
  id: string,
  graceS: number,
): Promise<ApiKeyItem> => {
  requireKeeper(principal, "write", id);
  const ended = await revokeRow(deps.db, { id, environmentId: principal.environmentId }, graceS);
  if (ended === null) throw new AppError("not_found", "API key not found", { shouldRetry: false });
  forgetCredential(deps, ended.keyHash, id);
  return serialise(ended.row);
};
