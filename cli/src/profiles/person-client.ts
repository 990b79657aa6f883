import { AuthenticationError, type Client, createClient } from "@longshore/sdk";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Login } from "./find-login.ts";

/** A person at a terminal waits for no more than a few seconds of trying again. Units: milliseconds. */
export const cliRetry = { maxAttempts: 3, minTimeoutInMs: 300, factor: 2, maxTimeoutInMs: 2_000 };

/** A client with a person's token. */
export const personClient = ({ apiUrl, accessToken }: Pick<Login, "apiUrl" | "accessToken">): Client =>
  createClient({ baseURL: apiUrl, accessToken, retry: cliRetry });

/** What to say of a login that the API refuses. */
export const loginOver = ({ name, apiUrl }: Login, cause?: unknown): CliError =>
  name === null
    ? new CliError(`${apiUrl} refuses LONGSHORE_ACCESS_TOKEN: it is wrong, expired or revoked`, {
        next: "make a new token and set it",
        exitCode: exitCodes.notAllowed,
        cause,
      })
    : new CliError(`the login of profile "${name}" has expired or was revoked`, {
        next: `longshore login --profile ${name}`,
        exitCode: exitCodes.notAllowed,
        cause,
      });

/** Asks as a person; a refused token is told as a login that is over. */
export const asPerson = async <T>(login: Login, ask: (client: Client) => Promise<T>): Promise<T> => {
  try {
    return await ask(personClient(login));
  } catch (error) {
    if (error instanceof AuthenticationError) throw loginOver(login, error);
    throw error;
  }
};
