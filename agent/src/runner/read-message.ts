import type { AttemptOutcome } from "@longshore/sdk/catalog";
import type { FromExecutor } from "./ipc.ts";

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isOutcome = (value: unknown): value is AttemptOutcome => {
  if (!isObject(value)) return false;
  const { kind, output, error } = value;
  if (kind === "failed") return isObject(error) && typeof error.type === "string";
  if (kind !== "completed" || !isObject(output) || typeof output.type !== "string") return false;
  return output.data === null || typeof output.data === "string";
};

const isRequest = ({ id, method, path, headers, body }: Record<string, unknown>): boolean =>
  typeof id === "number" &&
  [method, path, body ?? ""].every((text) => typeof text === "string") &&
  isObject(headers);

/**
 * One line of an executor. Shape: null for what is no message at all. Errors: throws on what is none, though it looks like
 * one: the code of a run may write to its channel, and nothing it writes may harm its runner.
 */
export const readMessage = (line: string): FromExecutor | null => {
  const message: unknown = JSON.parse(line);
  if (!isObject(message)) return null;
  const { t, waits, outcome } = message;
  const isRight =
    t === "up" ||
    t === "started" ||
    t === "prepared" ||
    (t === "waiting" && Array.isArray(waits)) ||
    (t === "request" && isRequest(message)) ||
    (t === "done" && isOutcome(outcome));
  if (!isRight) throw new Error("an executor sent what is no message");
  return message as FromExecutor;
};
