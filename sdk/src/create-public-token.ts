import type { Api } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";

const tokenAnswer = recordDecoder<{ token: string }>("a token's answer", ["token"]);

/** What a token is made with. `expirationTime`: Unix seconds, a duration such as "15m", or a date. */
export type TokenWish = {
  scopes: readonly string[];
  expirationTime?: number | string | Date | undefined;
  oneTimeUse?: boolean | undefined;
  realtime?: { skipColumns?: readonly string[] | undefined } | undefined;
};

/**
 * Has a token made: keys are stored as hashes, so nobody but the server signs. Cost: one request. Errors: ApiError when
 * the key may not do what the token should. Source: the client wire contract, 2.4.
 */
export const createPublicToken = async (api: Api, wish: TokenWish): Promise<string> => {
  const { expirationTime } = wish;
  const body = {
    ...wish,
    expirationTime: expirationTime instanceof Date ? expirationTime.toISOString() : expirationTime,
  };
  return (await api.request(tokenAnswer, "POST", "/api/v1/auth/public-tokens", { body })).token;
};
