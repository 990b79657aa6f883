import {
  ApiConnectionError,
  ApiError,
  AuthenticationError,
  NotFoundError,
  PermissionDeniedError,
} from "@longshore/sdk";
import { BundleError } from "../bundle/bundle-error.ts";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";

/** What went wrong, in one line; what it looks like; what to do next. */
export type Description = { message: string; detail?: string; next?: string; exitCode: ExitCode };

/** What the API says of a thing that is not there, and what lists those that are. */
const lists: readonly (readonly [RegExp, string])[] = [
  [/^Run (or wait token )?not found/, "longshore runs list shows those of this environment"],
  [
    /^Deployment not found/,
    "longshore deployments list shows the versions of this environment (--env names another)",
  ],
  [
    /^Task .* not found in this environment/,
    "check the id and the environment (longshore whoami names it), or deploy the task: longshore deploy",
  ],
  [/^Queue not found/, "longshore queues list shows those of this environment"],
  [/^Schedule not found/, "longshore schedules list shows those of this environment"],
  [/^Environment variable .* not found/, "longshore env list shows those of this environment"],
  [
    /^(Branch not found|This preview environment has no branch)/,
    "longshore preview list shows those of this project",
  ],
  [/^(Project|Environment) not found/, "longshore projects list shows what this login may see"],
];

/** Other answers of 404 are of an address that is no API of ours, or an older one. */
const describeMissing = ({ message }: NotFoundError): Description => {
  const next = lists.find(([pattern]) => pattern.test(message))?.[1];
  return next === undefined
    ? {
        message: `the API answered 404: ${message}`,
        next: "check that the address is that of a Longshore API of this version (--api-url)",
        exitCode: exitCodes.notFound,
      }
    : { message, next, exitCode: exitCodes.notFound };
};

const describeApiError = (error: ApiError): Description => {
  if (error instanceof ApiConnectionError) {
    return {
      message: error.message,
      next: "check the network and the address (--api-url, LONGSHORE_API_URL or the profile's), and that the server runs",
      exitCode: exitCodes.unreachable,
    };
  }
  if (error instanceof AuthenticationError) {
    return {
      message: `the API refused the key${error.message.includes("(no body)") ? "" : `: ${error.message}`}`,
      next: "pass --api-key or set LONGSHORE_SECRET_KEY to a key of this environment, or sign in: longshore login",
      exitCode: exitCodes.notAllowed,
    };
  }
  if (error instanceof PermissionDeniedError) {
    return {
      message: `the API does not allow this: ${error.message}`,
      next: "use a key or login that may do it",
      exitCode: exitCodes.notAllowed,
    };
  }
  if (error instanceof NotFoundError) return describeMissing(error);
  return { message: `the API answered ${error.status}: ${error.message}`, exitCode: exitCodes.failed };
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
      next: error.next ?? "fix the code and try again",
      exitCode: exitCodes.failed,
    };
  }
  if (error instanceof ApiError) return describeApiError(error);
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? error.stack : undefined;
  return {
    message,
    exitCode: exitCodes.failed,
    ...(stack && process.env.LONGSHORE_DEBUG ? { detail: stack } : {}),
  };
};
