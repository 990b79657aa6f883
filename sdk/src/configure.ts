import { currentHost } from "./host.ts";
import { type Api, createApi } from "./http/api.ts";
import type { RequestRetry } from "./http/retry-rules.ts";
import { fetchTransport, hostTransport, type Transport } from "./http/transport.ts";

/** Where the SDK finds the API. Anything left out is taken from the environment. */
export type ClientConfig = {
  baseURL?: string;
  secretKey?: string;
  accessToken?: string;
  requestOptions?: { retry?: Partial<RequestRetry> };
};

type WithProcess = { process?: { env?: Record<string, string | undefined> } };

const env = (...names: string[]): string | undefined => {
  const variables = (globalThis as WithProcess).process?.env;
  for (const name of names) if (variables?.[name]) return variables[name];
  return undefined;
};

let configured: ClientConfig = {};

/**
 * Sets where requests go and which key signs them, for the whole process. Without it `LONGSHORE_API_URL` and
 * `LONGSHORE_SECRET_KEY` apply, then `TRIGGER_API_URL` and `TRIGGER_SECRET_KEY`. Inside a task it changes nothing:
 * a task talks to the API that runs it, with its run's token.
 */
export const configure = (config: ClientConfig): void => {
  configured = config;
};

const ambientTransport = (): Transport => {
  const host = currentHost();
  if (host) return hostTransport(host);
  const accessToken =
    configured.secretKey ??
    configured.accessToken ??
    env("LONGSHORE_SECRET_KEY", "TRIGGER_SECRET_KEY", "LONGSHORE_ACCESS_TOKEN", "TRIGGER_ACCESS_TOKEN");
  if (!accessToken) {
    throw new TypeError(
      "no API key: call configure({ secretKey }) or set LONGSHORE_SECRET_KEY (see the API keys page of your environment)",
    );
  }
  const baseURL = configured.baseURL ?? env("LONGSHORE_API_URL", "TRIGGER_API_URL");
  // No default: a key must never go to a server that nobody named.
  if (!baseURL) {
    throw new TypeError("no API address: call configure({ baseURL }) or set LONGSHORE_API_URL");
  }
  return fetchTransport({ baseURL, accessToken });
};

/** The API of the task that runs here, or else the configured one. Errors: a call throws when no key is set. */
export const ambientApi = (): Api => {
  const retry = configured.requestOptions?.retry;
  const transport = ambientTransport();
  return createApi({ transport: () => transport, ...(retry ? { retry } : {}) });
};
