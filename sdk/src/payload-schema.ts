type Members = Record<string, unknown>;
type Make = (options?: unknown) => unknown;

const isFunction = (value: unknown): value is Make => typeof value === "function";
const isRecord = (value: unknown): value is Members =>
  (typeof value === "object" || typeof value === "function") && value !== null;

/** The ways in which libraries describe a schema, most faithful first. Each answers undefined where it does not apply. */
const ways: readonly ((schema: Members) => unknown)[] = [
  // zod 4: what JSON cannot say becomes "anything" instead of an error.
  (schema) => {
    const make = schema.toJSONSchema;
    return isFunction(make) ? make.call(schema, { io: "input", unrepresentable: "any" }) : undefined;
  },
  // arktype
  (schema) => {
    const make = schema.toJsonSchema;
    const fallback = (context: { base: unknown }): unknown => context.base;
    return isFunction(make) ? make.call(schema, { fallback }) : undefined;
  },
  // Standard JSON Schema
  (schema) => {
    const own = schema["~standard"];
    const description = isRecord(own) ? own.jsonSchema : undefined;
    const make = isRecord(description) ? description.input : undefined;
    return isFunction(make) ? make.call(description, { target: "draft-2020-12" }) : undefined;
  },
  // A compiled TypeBox type is made from its JSON Schema.
  (schema) => {
    if (!isFunction(schema.Check)) return undefined;
    const type = [schema.Schema, schema.Type].find(isFunction);
    return type ? type.call(schema) : schema.schema;
  },
];

/**
 * Describes a schema as JSON Schema with what its own library brings; undefined when that is nothing. Only the indexer
 * asks, so that a cold start does not pay for it.
 */
export const payloadSchemaOf = (schema: unknown): unknown => {
  if (!isRecord(schema)) return undefined;
  for (const way of ways) {
    try {
      const made = way(schema);
      // By way of JSON, to lose what is not part of the description.
      if (isRecord(made)) return JSON.parse(JSON.stringify(made));
    } catch {
      // One that cannot describe this schema leaves it to the next: a task without a description works all the same.
    }
  }
  return undefined;
};
