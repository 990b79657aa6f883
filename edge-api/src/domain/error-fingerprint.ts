import type { TaskError } from "@longshore/shared/contract/task-error";

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

/** FNV-1a of 64 bits: spread well enough to group by, and synchronous everywhere. */
const hash = (text: string): string => {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  }
  return value.toString(16).padStart(16, "0");
};

/** A name for the fault behind an error: the same for errors that differ only in numbers and quoted values. Shape: `error_<16 hex>`. */
export const errorFingerprint = (error: TaskError): string =>
  `error_${hash(partsOf(error).join("\n").slice(0, 1_000).replace(varying, "?"))}`;
