import type {
  CreatedPersonalToken,
  CreatePersonalTokenBody,
  PersonalTokenItem,
  PersonalTokenList,
} from "@longshore/shared/contract/credentials";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import * as rows from "../db/transitions/personal-tokens.ts";
import { requireFuture } from "./api-keys.ts";
import { forgetCredential } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { getSession } from "./sessions.ts";
import { wireDate } from "./wire-date.ts";
import { secretText } from "./write-api-key.ts";

/** Most tokens of a person that work at once. */
export const personalTokensMax = 50;

const serialise = (row: rows.PersonalTokenRow): PersonalTokenItem => ({
  id: row.id,
  name: row.name,
  hint: row.hint,
  status: row.status,
  createdAt: wireDate(row.createdAt),
  ...(row.expiresAt === null ? {} : { expiresAt: wireDate(row.expiresAt) }),
  ...(row.revokedAt === null ? {} : { revokedAt: wireDate(row.revokedAt) }),
});

const userOf = async (deps: Deps, session: string | undefined): Promise<string> =>
  (await getSession(deps, session)).user.id;

/** `GET /api/v1/session/tokens`. Errors: `unauthorized`. */
export const listPersonalTokens = async (
  deps: Deps,
  session: string | undefined,
): Promise<PersonalTokenList> => ({
  data: (await rows.listPersonalTokens(deps.db, await userOf(deps, session))).map(serialise),
});

/**
 * `POST /api/v1/session/tokens`: the answer shows the token, and nothing ever does again.
 * Errors: `unauthorized`, `bad_request`; `unprocessable` when there are too many.
 */
export const createPersonalToken = async (
  deps: Deps,
  session: string | undefined,
  body: CreatePersonalTokenBody,
): Promise<CreatedPersonalToken> => {
  const userId = await userOf(deps, session);
  const token = `tr_pat_${secretText(40)}`;
  const wish = {
    id: newId("personalToken"),
    userId,
    name: body.name,
    tokenHash: await hashToken(token),
    hint: token.slice(-4),
    expiresAt: requireFuture(body.expiresAt),
  };
  const row = await rows.addPersonalToken(deps.db, wish, personalTokensMax);
  if (row === null)
    throw new AppError(
      "unprocessable",
      `You have ${personalTokensMax} tokens that work. Revoke one and try again.`,
    );
  return { ...serialise(row), token };
};

/** `DELETE /api/v1/session/tokens/:id`: it ends at once. Errors: `unauthorized`, `not_found`. */
export const revokePersonalToken = async (
  deps: Deps,
  session: string | undefined,
  id: string,
): Promise<PersonalTokenItem> => {
  const ended = await rows.revokePersonalToken(deps.db, { id, userId: await userOf(deps, session) });
  if (ended === null) throw new AppError("not_found", "Token not found", { shouldRetry: false });
  forgetCredential(deps, ended.tokenHash);
  return serialise(ended.row);
};
