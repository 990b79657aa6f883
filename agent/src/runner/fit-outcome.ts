import type { AttemptOutcome } from "@longshore/sdk/catalog";
import { isOverBytes, outputTooLarge, packetBytesMax } from "@longshore/shared/contract/packet-limits";
import type { TaskError } from "@longshore/shared/contract/task-error";

/** Longest text of an error that is told of. Units: characters. */
const textCharsMax = 256 * 1024;

const cut = (text: unknown): unknown =>
  typeof text === "string" && text.length > textCharsMax ? `${text.slice(0, textCharsMax)}… (cut)` : text;

/**
 * An outcome that fits into what carries it. An output that no packet holds fails its attempt, as it would at the API; of
 * an error's texts the beginning is kept. The executor asks so that its runner is not filled, the runner since a task may
 * write to its channel itself.
 */
export const fitOutcome = (outcome: AttemptOutcome): AttemptOutcome => {
  if (outcome.kind === "failed") {
    const parts = Object.entries(outcome.error).map(([name, text]) => [name, cut(text)]);
    return { ...outcome, error: Object.fromEntries(parts) as TaskError };
  }
  const { data } = outcome.output;
  return data !== null && isOverBytes(data, packetBytesMax) ? outputTooLarge : outcome;
};
