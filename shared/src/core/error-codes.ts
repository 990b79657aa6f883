/** Every error code the API answers with, and its HTTP status. */
export const errorStatus = {
  bad_request: 400,
  unauthorized: 401,
  agent_revoked: 401,
  enrol_token_invalid: 401,
  forbidden: 403,
  scopes_exceed_key_access: 403,
  not_found: 404,
  method_not_allowed: 405,
  stale_epoch: 409,
  session_superseded: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  unprocessable: 422,
  upgrade_required: 426,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof errorStatus;

/**
 * An error whose message may be shown to the caller. Anything else that is thrown becomes `internal` with a request id.
 *
 * Errors: `code` decides the HTTP status; `details` and `fields` (members beside `error`) are sent as they are, `cause`
 * never.
 */
export class AppError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly options: {
      cause?: unknown;
      details?: unknown;
      fields?: Record<string, unknown>;
      shouldRetry?: boolean;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "AppError";
  }

  get status(): number {
    return errorStatus[this.code];
  }
}
