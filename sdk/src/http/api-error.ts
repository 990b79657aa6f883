/** What an error answer said beside its message. */
export type ApiErrorDetails = { code?: string; param?: string; type?: string };

type ErrorBody = { error?: unknown; code?: unknown; param?: unknown; type?: unknown };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/**
 * The API answered with an error, or could not be reached (then `status` is undefined).
 *
 * Source: the client wire contract, 1.4. `name` is `TriggerApiError` for every subclass, as existing code expects.
 */
export class ApiError extends Error {
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly type: string | undefined;

  constructor(
    readonly status: number | undefined,
    message: string,
    readonly headers: Record<string, string> = {},
    readonly error?: unknown,
    details: ApiErrorDetails = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "TriggerApiError";
    this.code = details.code;
    this.param = details.param;
    this.type = details.type;
  }
}

export class BadRequestError extends ApiError {}
export class AuthenticationError extends ApiError {}
export class PermissionDeniedError extends ApiError {}
export class NotFoundError extends ApiError {}
export class ConflictError extends ApiError {}
export class UnprocessableEntityError extends ApiError {}
export class InternalServerError extends ApiError {}

export class RateLimitError extends ApiError {
  /** Time until the limit is lifted, when the answer said so. Units: milliseconds. */
  get millisecondsUntilReset(): number | undefined {
    const resetAt = Number(this.headers["x-ratelimit-reset"]);
    return this.headers["x-ratelimit-reset"] && Number.isFinite(resetAt)
      ? Math.max(0, resetAt - Date.now())
      : undefined;
  }
}

/** No answer came: the network failed, or the peer cut the connection. */
export class ApiConnectionError extends ApiError {
  constructor(message: string, cause?: unknown) {
    super(undefined, message, {}, undefined, {}, cause);
  }
}

/** A success answer whose body is not what the API promises. */
export class ApiSchemaValidationError extends ApiError {
  constructor(status: number, message: string, cause: unknown) {
    super(status, message, {}, undefined, {}, cause);
  }
}

const classFor = (status: number): typeof ApiError => {
  switch (status) {
    case 400:
      return BadRequestError;
    case 401:
      return AuthenticationError;
    case 403:
      return PermissionDeniedError;
    case 404:
      return NotFoundError;
    case 409:
      return ConflictError;
    case 422:
      return UnprocessableEntityError;
    case 429:
      return RateLimitError;
    default:
      return status >= 500 ? InternalServerError : ApiError;
  }
};

const parseBody = (text: string): ErrorBody | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const messageOf = (status: number, text: string, error: unknown): string => {
  if (isRecord(error) && typeof error.message === "string") return error.message;
  if (typeof error === "string" && error !== "") return error;
  if (error !== undefined) return JSON.stringify(error);
  return text === "" ? `${status} status code (no body)` : `${status} ${text}`;
};

/** Turns an error answer into the error of its status. */
export const decodeApiError = (status: number, text: string, headers: Record<string, string>): ApiError => {
  const body = parseBody(text);
  const error = body?.error;
  const source = isRecord(error) ? error : (body ?? {});
  const details: ApiErrorDetails = {};
  for (const field of ["code", "param", "type"] as const) {
    const value = textOf(source[field]) ?? textOf(body?.[field]);
    if (value !== undefined) details[field] = value;
  }
  return new (classFor(status))(status, messageOf(status, text, error), headers, error ?? body, details);
};
