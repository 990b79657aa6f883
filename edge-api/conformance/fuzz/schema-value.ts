import type { Dice } from "./dice.ts";

/** The part of JSON Schema that the OpenAPI document uses. */
export type Schema = {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  prefixItems?: Schema[];
  minItems?: number;
  minLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  default?: unknown;
};

/** Words that mean something to this API, by parts of the names of fields that take them. */
const words: readonly [RegExp, readonly string[]][] = [
  [/cron/i, ["* * * * *", "0 9 * * 1-5", "*/5 * * * *", "0 0 29 2 *"]],
  [/timezone/i, ["UTC", "Europe/Berlin", "America/New_York"]],
  [/delay|ttl|timeout|period|window|maxDelay/i, ["30s", "10m", "1h30m", "2d"]],
  [/createdAt|expiresAt|date|^at$|until/i, ["2030-01-01T00:00:00.000Z", "2001-02-03T04:05:06Z"]],
  [
    /payloadType|contentType|outputType|dataType/i,
    ["application/json", "application/super+json", "text/plain"],
  ],
  [/task/i, ["hello", "other", "folder/task"]],
];

const textFor = (dice: Dice, name: string, known: readonly string[]): string => {
  if (known.length > 0 && dice.once(3)) return dice.pick(known);
  const fitting = words.find(([pattern]) => pattern.test(name))?.[1];
  return dice.pick(fitting ?? ["a", "b1", "hello", "name-1"]);
};

const numberFor = (dice: Dice, schema: Schema): number => {
  const least = schema.minimum ?? (schema.exclusiveMinimum ?? -1) + 1;
  const most = Math.min(schema.maximum ?? least + 20, least + 20);
  return Math.ceil(least) + dice.below(Math.max(1, most - least));
};

const objectFor = (
  dice: Dice,
  schema: Schema,
  known: readonly string[],
  depth: number,
): Record<string, unknown> => {
  const made: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!schema.required?.includes(name) && (depth > 4 || dice.once(2))) continue;
    made[name] = valueFor(dice, property, name, known, depth + 1);
  }
  const more = schema.additionalProperties;
  if (typeof more === "object" && dice.once(2))
    made[`k${dice.below(3)}`] = valueFor(dice, more, "", known, depth + 1);
  return made;
};

/** A value that a schema describes, or nearly: formats and patterns are guessed from the field's name. */
export const valueFor = (
  dice: Dice,
  schema: Schema,
  name: string,
  known: readonly string[],
  depth = 0,
): unknown => {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return dice.pick(schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return valueFor(dice, dice.pick(choices), name, known, depth);
  if (schema.allOf !== undefined) return valueFor(dice, schema.allOf[0] ?? {}, name, known, depth);
  const type = Array.isArray(schema.type) ? dice.pick(schema.type) : schema.type;
  if (type === "object" || schema.properties !== undefined) return objectFor(dice, schema, known, depth);
  if (type === "array") {
    const length = (schema.minItems ?? 0) + dice.below(3);
    return Array.from({ length }, () => valueFor(dice, schema.items ?? {}, name, known, depth + 1));
  }
  if (type === "number" || type === "integer") return numberFor(dice, schema);
  if (type === "boolean") return dice.once(2);
  if (type === "null") return null;
  if (type === "string") return textFor(dice, name, known).padEnd(schema.minLength ?? 0, "x");
  return dice.pick([{}, { a: 1 }, [1, "b"], "text", 1, true, null]);
};
