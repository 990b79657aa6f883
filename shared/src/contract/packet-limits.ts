import type { TaskError } from "./task-error.ts";

// Apart from the schemas, so that the runner can have it without loading zod: it starts on every run's path.

/** Largest packet that is stored. Units: bytes. */
export const packetBytesMax = 10 * 1024 * 1024;

/** Whether a text takes more than that in UTF-8. Cost: it is encoded only where its length does not tell. */
export const isOverBytes = (text: string, bytesMax: number): boolean =>
  text.length > bytesMax || (text.length * 3 > bytesMax && new TextEncoder().encode(text).length > bytesMax);

/** How an attempt ends whose output no packet holds. */
export const outputTooLarge = {
  kind: "failed",
  error: {
    type: "INTERNAL_ERROR",
    code: "TASK_OUTPUT_ERROR",
    message: `The output is over the limit of ${packetBytesMax} bytes.`,
  },
  retry: { skip: true },
} as const satisfies { kind: string; error: TaskError; retry: object };
