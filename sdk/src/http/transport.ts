import type { TaskHost } from "../host.ts";

/** One request, headers complete. `path` starts with `/` and carries its query. */
export type WireRequest = {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer> | null;
  signal?: AbortSignal;
};

/** Carries a request to the API and answers whatever came back; rejects only when nothing did. */
export type Transport = (request: WireRequest) => Promise<Response>;

/** workerd knows no `cache` option and refuses it; it has no `credentials` either. */
const cacheOption = (): { cache?: "no-cache" } =>
  typeof Request !== "undefined" && "credentials" in Request.prototype ? { cache: "no-cache" } : {};

const inBrowser = (): boolean => "document" in globalThis;

/** Where requests go and what they are signed with. */
export type Target = {
  baseURL: string;
  accessToken: string;
  /** Which branch of a preview environment. */
  branch?: string;
  fetch?: typeof fetch;
};

/** Sends over `fetch`. */
export const fetchTransport = (target: Target): Transport => {
  const base = target.baseURL.replace(/\/+$/, "");
  return ({ path, headers, method, body, signal }) =>
    (target.fetch ?? fetch)(`${base}${path}`, {
      method,
      body,
      headers: {
        authorization: `Bearer ${target.accessToken}`,
        ...(target.branch ? { "x-trigger-branch": target.branch } : {}),
        ...(inBrowser() ? { "x-trigger-client": "browser" } : {}),
        ...headers,
      },
      ...(signal ? { signal } : {}),
      ...cacheOption(),
    });
};

/** Sends through the agent that holds the running task; the agent adds the run's own token. */
export const hostTransport =
  (host: TaskHost): Transport =>
  ({ method, path, headers, body }) => {
    if (body !== null && typeof body !== "string") {
      throw new TypeError("inside a task a request body must be text");
    }
    return host.request(path, {
      method,
      headers: { ...headers, "x-trigger-worker": "true", "x-trigger-engine-version": "V2" },
      body,
    });
  };

/** Sends to an address that needs no credential and may be anybody's: nothing goes along but the type of the content. */
export const openTransport: Transport = ({ method, path, headers, body, signal }) =>
  fetch(path, {
    method,
    body,
    ...(body === null ? {} : { headers: { "content-type": headers["content-type"] ?? "text/plain" } }),
    ...(signal ? { signal } : {}),
  });
