import type { WireError } from "@longshore/shared/contract/wire-error";
import { AppError } from "@longshore/shared/core/error-codes";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { refusalOfUnstorable } from "../services/refuse-unstorable.ts";
import type { AppEnv } from "./context.ts";
import { ValidationError } from "./validate.ts";

const bodyOf = (error: AppError, requestId: string): WireError => ({
  error: error.message,
  // Client packages show these members of a refused token. Source: the client wire contract, 1.4.
  ...(error.code === "forbidden"
    ? { code: "unauthorized", param: "access_token", type: "authorization" }
    : { code: error.code }),
  ...(error instanceof ValidationError ? { issues: error.issues } : {}),
  ...(error.options.details === undefined ? {} : { details: error.options.details }),
  ...error.options.fields,
  requestId,
});

const toAppError = (error: unknown): AppError | null => {
  if (error instanceof AppError) return error;
  if (error instanceof HTTPException && error.status < 500) {
    return new AppError(error.status === 413 ? "payload_too_large" : "bad_request", error.message);
  }
  return refusalOfUnstorable(error);
};

/** Answers an error: what a caller may know of it, and the id under which the log has the rest. */
export const answerError = (thrown: unknown, c: Context<AppEnv>): Response => {
  const known = toAppError(thrown);
  const { deps, requestId } = c.var;
  if (known === null) {
    const cause = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    deps.log("request.failed", { requestId, method: c.req.method, path: c.req.path, error: cause });
  }
  const error =
    known ??
    new AppError("internal", "Something went wrong on our side; the request id names it in our log.");
  // What is not there now will not be there in a moment either; clients try a 404 again unless they are told.
  const shouldRetry = error.options.shouldRetry ?? (error.code === "not_found" ? false : undefined);
  if (shouldRetry !== undefined) c.header("x-should-retry", String(shouldRetry));
  return c.json(bodyOf(error, requestId), error.status as ContentfulStatusCode);
};
