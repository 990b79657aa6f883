import type { AttemptOutcome } from "@longshore/sdk/catalog";
import { packetBytesMax } from "@longshore/shared/contract/packet-limits";
import type { TaskError } from "@longshore/shared/contract/task-error";

/** Longest text of an error that is told of. Units: characters. */
const textCharsMax = 256 * 1024;

const isTooLarge = (text: string): boolean =>
  text.length > packetBytesMax ||
  (text.length * 3 > packetBytesMax && Buffer.byteLength(text) > packetBytesMax);

const cut = (text: unknown): unknown =>
  typeof text === "string" && text.length > textCharsMax ? `${text.slice(0, textCharsMax)}… (cut)` : text;

/**
 * An outcome that fits into what carries it. An output that no packet holds fails its attempt, in the same words as at
 * the API; of an error's texts the beginning is kept.
 */
export const fitOutcome = (outcome: AttemptOutcome): AttemptOutcome => {
  if (outcome.kind === "failed") {
    const parts = Object.entries(outcome.error).map(([name, text]) => [name, cut(text)]);
    return { ...outcome, error: Object.fromEntries(parts) as TaskError };
  }
  if (outcome.output.data === null || !isTooLarge(outcome.output.data)) return outcome;
  const message = `The output is over the limit of ${packetBytesMax} bytes.`;
  const error = { type: "INTERNAL_ERROR", code: "TASK_OUTPUT_ERROR", message } as const;
  return { kind: "failed", error, retry: { skip: true } };
};
