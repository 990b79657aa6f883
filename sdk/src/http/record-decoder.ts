import type { Decoder } from "./api.ts";

/**
 * Reads an object that must have these fields. The full schemas stay out of the SDK: they would come into each task
 * bundle, and their import into each cold start. Errors: names the field that is missing.
 */
export const recordDecoder = <T extends object>(
  what: string,
  fields: readonly (keyof T & string)[],
): Decoder<T> => ({
  parse: (value: unknown): T => {
    const record = value as Record<string, unknown> | null | undefined;
    const missing = fields.find((field) => record?.[field] === undefined);
    if (missing !== undefined) throw new TypeError(`${what} must have \`${missing}\``);
    return value as T;
  },
});
