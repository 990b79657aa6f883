import type { TaskError } from "@longshore/shared/contract/task-error";
import { textHash } from "./text-hash.ts";

const partsOf = (error: TaskError): string[] => {
  switch (error.type) {
    case "BUILT_IN_ERROR":
      return [error.name, error.message];
    case "INTERNAL_ERROR":
      return [error.code, error.message ?? ""];
    default:
      return [error.type, error.raw];
  }
};

/** What differs between two occurrences of one fault: numbers, ids in hex, quoted values. */
const varying = /0x[0-9a-f]+|\b[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b|\d+|"[^"]*"|'[^']*'/gi;

/** A name for the fault behind an error: the same for errors that differ only in numbers and quoted values. Shape: `error_<16 hex>`. */
export const errorFingerprint = (error: TaskError): string =>
  `error_${textHash(partsOf(error).join("\n").slice(0, 1_000).replace(varying, "?"))}`;
