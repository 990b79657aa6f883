import type { RequestParts } from "./api.ts";
import type { RequestRetry } from "./retry-rules.ts";

/** How one call is sent, whatever it is about. */
export type RequestOptions = {
  retry?: Partial<RequestRetry> | undefined;
  additionalHeaders?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
};

/** The options as parts of a request. */
export const callParts = (
  options: RequestOptions = {},
): Pick<RequestParts, "retry" | "headers" | "signal"> => ({
  ...(options.retry ? { retry: options.retry } : {}),
  ...(options.additionalHeaders ? { headers: options.additionalHeaders } : {}),
  ...(options.signal ? { signal: options.signal } : {}),
});
