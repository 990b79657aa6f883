import { ApiConnectionError, ApiError, AuthenticationError, PermissionDeniedError } from "@longshore/sdk";
import { BundleError } from "../bundle/bundle-error.ts";
import { CliError } from "../cli-error.ts";

/** What went wrong, in one line; what it looks like; what to do next. */
export type Description = { message: string; detail?: string; next?: string; exitCode: 1 | 2 };

const describeApiError = (error: ApiError): Description => {
  if (error instanceof ApiConnectionError) {
    return {
      message: error.message,
      next: "check --api-url (or LONGSHORE_API_URL) and that the server runs: longshore server",
      exitCode: 1,
    };
  }
  if (error instanceof AuthenticationError || error instanceof PermissionDeniedError) {
    return {
      message: `the API refused the key: ${error.message}`,
      next: "pass --api-key or set LONGSHORE_SECRET_KEY to a key of this environment",
      exitCode: 1,
    };
  }
  return { message: `the API answered ${error.status}: ${error.message}`, exitCode: 1 };
};

/** Any error as what a user can act on. */
export const describeError = (error: unknown): Description => {
  if (error instanceof CliError) {
    const { detail, next } = error.options;
    return {
      message: error.message,
      exitCode: error.exitCode,
      ...(detail === undefined ? {} : { detail }),
      ...(next === undefined ? {} : { next }),
    };
  }
  if (error instanceof BundleError) {
    return {
      message: "the project does not build",
      detail: error.message,
      next: "fix the code and try again",
      exitCode: 1,
    };
  }
  if (error instanceof ApiError) return describeApiError(error);
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? error.stack : undefined;
  return { message, exitCode: 1, ...(stack && process.env.LONGSHORE_DEBUG ? { detail: stack } : {}) };
};
