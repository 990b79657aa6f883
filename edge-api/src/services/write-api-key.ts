import { newId } from "@longshore/shared/core/ids";
import { type ApiKeyRow, addApiKey } from "../db/transitions/api-keys.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Random letters and digits. */
export const secretText = (length: number): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(length)), (n) => alphabet[n % alphabet.length]).join("");

/** Makes a key and keeps its hash. Errors: null when the environment has `keysMax` that work. */
export const writeApiKey = async (
  deps: Pick<Deps, "db">,
  environment: { id: string; slug: string },
  wish: { name: string; scopes: readonly string[] | null; expiresAt: string | null },
  keysMax: number,
): Promise<{ key: string; row: ApiKeyRow } | null> => {
  const key = `tr_${environment.slug}_sk_${secretText(24)}`;
  const made = {
    ...wish,
    id: newId("apiKey"),
    environmentId: environment.id,
    keyHash: await hashToken(key),
    hint: key.slice(-4),
  };
  const row = await addApiKey(deps.db, made, keysMax);
  return row === null ? null : { key, row };
};
