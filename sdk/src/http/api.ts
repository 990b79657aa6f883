import { type Clock, systemClock } from "@longshore/shared/core/clock";
import { sdkVersion } from "../version.ts";
import { ApiConnectionError, ApiError, ApiSchemaValidationError, decodeApiError } from "./api-error.ts";
import { defaultRequestRetry, delayAfterFault, delayAfterStatus, type RequestRetry } from "./retry-rules.ts";
import type { Transport } from "./transport.ts";

/** Reads an answer's body and throws when it is not what was promised; every zod schema is one. */
export type Decoder<T> = { parse(value: unknown): T };

/** A value of a query: lists are joined with commas, undefined and null are left out. */
export type QueryValue = string | number | boolean | readonly string[] | undefined | null;

/** What goes with a request beside its method and path. */
export type RequestParts = {
  query?: Record<string, QueryValue>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  bytes?: Uint8Array<ArrayBuffer>;
  /** The same for text that is JSON already, or none. */
  text?: string;
  /** In place of the client's own. */
  retry?: Partial<RequestRetry>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Sees the success answer before its body is read: some of what the API says is in headers. */
  onResponse?: (response: Response) => void;
};

/** The API as every noun of the SDK uses it. */
export type Api = {
  /**
   * One logical call: retried by the wire contract's rules, decoded with `schema` (a zod schema will do).
   * Errors: ApiError and its subclasses; the signal's reason when it aborts.
   */
  request<T>(schema: Decoder<T>, method: string, path: string, parts?: RequestParts): Promise<T>;
  /** The same, for answers that are no JSON: hands over any success answer unread. */
  send(method: string, path: string, parts?: RequestParts): Promise<Response>;
};

/** What the API is built from; clock and randomness can be set by tests. */
export type ApiOptions = {
  transport: () => Transport;
  retry?: Partial<RequestRetry>;
  /** Sent with every request. */
  headers?: Record<string, string>;
  clock?: Clock;
  random?: () => number;
};

/** The constant version of the client contract. Source: the client wire contract, 1.2. */
export const apiVersion = "2025-07-16";

const withQuery = (path: string, query: Record<string, QueryValue> = {}): string => {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    params.set(name, Array.isArray(value) ? value.join(",") : String(value));
  }
  const text = params.toString();
  return text === "" ? path : `${path}?${text}`;
};

const headersOf = (parts: RequestParts, always: Record<string, string> = {}): Record<string, string> => ({
  "content-type": "application/json",
  "trigger-version": sdkVersion,
  "x-trigger-api-version": apiVersion,
  "x-trigger-source": "sdk",
  "x-trigger-realtime-streams-version": "v2",
  "x-trigger-request-idempotency-key": crypto.randomUUID(),
  ...always,
  ...parts.headers,
});

const isAbort = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/** Builds the API over a transport, which is asked for anew for each attempt. */
export const createApi = (options: ApiOptions): Api => {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;

  const attemptOnce = async <T>(
    wire: Parameters<Transport>[0],
    read: (response: Response) => Promise<T>,
  ): Promise<T> => {
    const response = await options.transport()(wire);
    if (!response.ok) {
      throw decodeApiError(response.status, await response.text(), Object.fromEntries(response.headers));
    }
    return read(response);
  };

  const delayAfter = (error: unknown, attempt: number, retry: RequestRetry): number | null =>
    error instanceof ApiError && error.status !== undefined && !(error instanceof ApiSchemaValidationError)
      ? delayAfterStatus({ status: error.status, headers: error.headers }, attempt, retry, clock, random)
      : delayAfterFault(retry, attempt, random);

  const call = async <T>(
    method: string,
    path: string,
    parts: RequestParts,
    read: (response: Response) => Promise<T>,
  ): Promise<T> => {
    const retry = { ...defaultRequestRetry, ...options.retry, ...parts.retry };
    const wire = {
      method,
      path: withQuery(path, parts.query),
      headers: headersOf(parts, options.headers),
      body: parts.bytes ?? parts.text ?? (parts.body === undefined ? null : JSON.stringify(parts.body)),
      ...(parts.signal ? { signal: parts.signal } : {}),
    };
    for (let attempt = 1; ; attempt++) {
      parts.signal?.throwIfAborted();
      try {
        return await attemptOnce(wire, read);
      } catch (error) {
        if (isAbort(parts.signal)) throw error;
        const delayMs = delayAfter(error, attempt, retry);
        if (delayMs === null) throw asApiError(error, method, path);
        await clock.sleep(delayMs, parts.signal);
      }
    }
  };

  return {
    request: (schema, method, path, parts = {}) =>
      call(method, path, parts, async (response) => {
        parts.onResponse?.(response);
        return decode(schema, response);
      }),
    send: (method, path, parts = {}) => call(method, path, parts, async (response) => response),
  };
};

const decode = async <T>(schema: Decoder<T>, response: Response): Promise<T> => {
  const text = await response.text();
  try {
    return schema.parse(text === "" ? undefined : JSON.parse(text));
  } catch (error) {
    throw new ApiSchemaValidationError(
      response.status,
      `the API's answer could not be read: ${error}`,
      error,
    );
  }
};

const asApiError = (error: unknown, method: string, path: string): ApiError => {
  if (error instanceof ApiError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ApiConnectionError(`no answer from the API to ${method} ${path}: ${reason}`, error);
};
