import { z } from "zod";
import type { RouteSpec } from "../specs/spec.ts";
import type { JsonSchema } from "./json-schema.ts";

const textOf = ({ format, pattern, minLength }: JsonSchema): string => {
  if (format === "date-time") return new Date(Date.now() + 86_400_000).toISOString();
  const isHex = pattern?.includes("[0-9a-f]{64}") ?? false;
  return isHex ? "0".repeat(64) : "x".repeat(Math.max(1, minLength ?? 1));
};

/** The smallest value that a schema is likely to take. */
export const sampleOf = (schema: JsonSchema): unknown => {
  if (schema.examples?.[0] !== undefined) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const branch = (schema.anyOf ?? schema.oneOf)?.[0];
  if (branch !== undefined) return sampleOf(branch);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "object":
      return objectOf(schema);
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}));
    case "integer":
    case "number":
      return Math.max(1, schema.minimum ?? 1);
    case "boolean":
      return false;
    case "string":
      return textOf(schema);
    default:
      return "x";
  }
};

const objectOf = ({ properties = {}, required = [] }: JsonSchema): object =>
  Object.fromEntries(required.map((name) => [name, sampleOf(properties[name] ?? {})]));

/** The smallest body that a route's schema takes: what a request needs to get past the check of its form. Null when none was found. */
export const sampleBody = (spec: RouteSpec): object | null => {
  if (spec.body === undefined) return null;
  const schema = z.toJSONSchema(spec.body, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const value = sampleOf(schema);
  const isObject = typeof value === "object" && value !== null;
  return isObject && spec.body.safeParse(value).success ? value : null;
};
