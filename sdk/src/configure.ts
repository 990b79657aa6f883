import { type AsyncScope, createAsyncScope } from "./async-scope.ts";
import { environmentVariable } from "./environment-variable.ts";
import { currentHost } from "./host.ts";
import { type Api, createApi } from "./http/api.ts";
import type { RequestOptions } from "./http/request-options.ts";
import { fetchTransport, hostTransport, type Transport } from "./http/transport.ts";

/** Where the SDK finds the API, and how it goes there. Anything left out is taken from the environment. */
export type ClientConfig = {
  baseURL?: string | undefined;
  secretKey?: string | undefined;
  accessToken?: string | undefined;
  /** Which branch of a preview environment. */
  previewBranch?: string | undefined;
  /** Runs are held to the newest deployment that carries this id; `null` keeps the environment's from being used. */
  externalDeploymentId?: string | null | undefined;
  requestOptions?: Omit<RequestOptions, "signal"> | undefined;
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

const scoped: AsyncScope<ClientConfig> = createAsyncScope(
  () =>
    new Error(
      "auth.withAuth calls cannot overlap in this runtime, which has no AsyncLocalStorage: use new TriggerClient(…)",
    ),
);

/** One configuration over another: what it does not say is the other's, but a credential is never mixed of both. */
export const overConfig = (base: ClientConfig, top: ClientConfig = {}): ClientConfig => {
  const said = Object.fromEntries(Object.entries(top).filter(([, value]) => value !== undefined));
  const { secretKey, accessToken, ...rest } = base;
  return "secretKey" in said || "accessToken" in said ? { ...rest, ...said } : { ...base, ...said };
};

/** Runs `work` with this configuration in place of the process's, for it and everything it calls. */
export const withConfig = <R>(config: ClientConfig, work: () => Promise<R>): Promise<R> =>
  scoped.run(overConfig(scoped.current() ?? {}, config), work);

/** What a call, or the scope it is in, says itself. */
const explicitConfig = (override: ClientConfig | undefined): ClientConfig =>
  overConfig(scoped.current() ?? {}, override);

/** The whole of it: the call's own, then its scope's, then the process's. */
export const currentConfig = (override?: ClientConfig): ClientConfig =>
  overConfig(configured, explicitConfig(override));

/** The task whose API a call goes to; none when the call names another place. */
export const hostOfCall = (override?: ClientConfig) => {
  const { baseURL, secretKey, accessToken, previewBranch } = explicitConfig(override);
  return (baseURL ?? secretKey ?? accessToken ?? previewBranch) === undefined ? currentHost() : undefined;
};

/** The configured address, or the environment's. Errors: throws when there is none. */
export const addressOf = ({ baseURL }: ClientConfig): string => {
  const address = baseURL ?? environmentVariable("LONGSHORE_API_URL", "TRIGGER_API_URL");
  // No default: a key must never go to a server that nobody named.
  if (!address) throw new TypeError("no API address: call configure({ baseURL }) or set LONGSHORE_API_URL");
  return address;
};

/** The configured credential, or the environment's. Errors: throws when there is none. */
export const credentialOf = ({ secretKey, accessToken }: ClientConfig): string => {
  const credential =
    secretKey ??
    accessToken ??
    environmentVariable(
      "LONGSHORE_SECRET_KEY",
      "TRIGGER_SECRET_KEY",
      "LONGSHORE_ACCESS_TOKEN",
      "TRIGGER_ACCESS_TOKEN",
    );
  if (!credential) {
    throw new TypeError(
      "no API key: call configure({ secretKey }) or set LONGSHORE_SECRET_KEY (see the API keys page of your environment)",
    );
  }
  return credential;
};

/** Where requests go that belong to no task. Errors: throws, naming what is missing. */
export const configuredTransport = (config: ClientConfig): Transport => {
  const accessToken = credentialOf(config);
  const baseURL = addressOf(config);
  const branch =
    config.previewBranch ??
    environmentVariable("LONGSHORE_PREVIEW_BRANCH", "TRIGGER_PREVIEW_BRANCH", "VERCEL_GIT_COMMIT_REF");
  return fetchTransport({ baseURL, accessToken, ...(branch ? { branch } : {}) });
};

/** An API over a transport, with what a configuration says of every request. */
export const apiOver = (transport: () => Transport, config: ClientConfig): Api => {
  const { retry, additionalHeaders } = config.requestOptions ?? {};
  return createApi({
    transport,
    ...(retry ? { retry } : {}),
    ...(additionalHeaders ? { headers: additionalHeaders } : {}),
  });
};

/**
 * The API of the task that runs here, or else the configured one; `override` is what one call says itself.
 * Errors: throws when no key or no address is set.
 */
export const ambientApi = (override?: ClientConfig): Api => {
  const host = hostOfCall(override);
  const config = currentConfig(override);
  const transport = host ? hostTransport(host) : configuredTransport(config);
  return apiOver(() => transport, config);
};
