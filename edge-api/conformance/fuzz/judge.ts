import { routeSpecs } from "@longshore/edge-api/routes/specs";
import type { RouteSpec } from "@longshore/edge-api/routes/specs/spec";
import { WireError } from "@longshore/shared/contract/wire-error";
import { errorStatus } from "@longshore/shared/core/error-codes";
import type { FuzzRequest } from "./fuzz-request.ts";
import type { FuzzAnswer } from "./send.ts";

const documented = new Set<number>(Object.values(errorStatus));
const specs: Record<string, RouteSpec> = routeSpecs;

/** Operations whose body is not the one JSON value that the document describes. */
const otherBodies = new Set(["addBatchItems"]);

/** The faults of a body as the schema of its route sees them, each by the name it should be called. */
const faultsOf = ({ operation, json }: FuzzRequest): string[] | null => {
  const schema = specs[operation.operationId]?.body;
  if (json === undefined || schema === undefined || otherBodies.has(operation.operationId)) return null;
  const parsed = schema.safeParse(json);
  if (parsed.success) return null;
  return parsed.error.issues.map(({ path }) => path.map(String).join("."));
};

/** Node answers a head that is too long before any of our code sees it. Units: bytes. */
const headBytesMax = 16 * 1024;

const judgeError = (fuzz: FuzzRequest, answer: FuzzAnswer): string | null => {
  if (answer.status === 431 && fuzz.target.length > headBytesMax / 2) return null;
  if (!documented.has(answer.status)) return `the status ${answer.status} is not documented`;
  if (fuzz.method === "HEAD") return null;
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch {
    return "the body of the error is no JSON";
  }
  const error = WireError.safeParse(body);
  if (!error.success || error.data.error === "") return "the error has not the shape of WireError";
  if (error.data.requestId === undefined) return "the error names no request";
  if (/\bat .+\.(ts|js|mjs):\d+|node_modules|postgres:\/\//.test(answer.text))
    return "the error shows our code";
  if (answer.status === 404 && answer.headers["x-should-retry"] !== "false")
    return "a final 404 invites to try again";
  const faults = faultsOf(fuzz);
  if (answer.status !== 400 || faults === null || error.data.issues === undefined) return null;
  const named = error.data.issues.map(({ path }) => path);
  return named.some((path) => faults.includes(path)) ? null : `the error names ${named}, not ${faults}`;
};

/** What is wrong with an answer; null when it is as it should be. */
export const judge = (fuzz: FuzzRequest, answer: FuzzAnswer): string | null => {
  if (answer.status >= 500) return `the server failed with ${answer.status}`;
  if (answer.status >= 400) return judgeError(fuzz, answer);
  if (answer.status >= 300) return `a redirection with ${answer.status}`;
  const faults = faultsOf(fuzz);
  return faults === null ? null : `a body was taken although ${faults} is wrong`;
};
