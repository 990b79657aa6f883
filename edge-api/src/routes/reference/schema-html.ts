import type { JsonSchema } from "./json-schema.ts";

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML shows it; nothing that comes from a schema is markup. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => entities[char] ?? char);

const code = (text: string): string => `<code>${escapeHtml(text)}</code>`;

/** Deeper objects are only named. */
const depthMax = 5;

const alternativesOf = (schema: JsonSchema): JsonSchema[] => schema.anyOf ?? schema.oneOf ?? [];

/** A type in a word or two: `string`, `integer[]`, `"a" | "b"`. */
const typeOf = (schema: JsonSchema): string => {
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "object";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const alternatives = alternativesOf(schema);
  if (alternatives.length > 0) return [...new Set(alternatives.map(typeOf))].join(" | ");
  if (schema.type === "array") return `${typeOf(schema.items ?? {})}[]`;
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  return schema.format ?? schema.type ?? "any";
};

const bounds: [keyof JsonSchema, string][] = [
  ["minimum", "≥"],
  ["maximum", "≤"],
  ["minLength", "length ≥"],
  ["maxLength", "length ≤"],
  ["minItems", "items ≥"],
  ["maxItems", "items ≤"],
];

const isTold = (value: unknown): boolean =>
  value !== undefined && Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER;

/** Limits and default in a few words. */
export const notesOf = (schema: JsonSchema): string => {
  const limits = bounds
    .filter(([name]) => isTold(schema[name]))
    .map(([name, sign]) => `${sign} ${String(schema[name])}`);
  const preset = schema.default === undefined ? [] : [`default ${JSON.stringify(schema.default)}`];
  return [...limits, ...preset].join(", ");
};

const row = (name: string, schema: JsonSchema, isRequired: boolean, depth: number): string => {
  const notes = [schema.description, notesOf(schema)].filter(Boolean).join(" · ");
  return `<li><div class="prop">${code(name)}<span class="type">${escapeHtml(typeOf(schema))}</span>${
    isRequired ? '<span class="required">required</span>' : ""
  }${notes === "" ? "" : `<span class="notes">${escapeHtml(notes)}</span>`}</div>${inside(schema, depth)}</li>`;
};

const properties = (schema: JsonSchema, depth: number): string => {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) =>
    row(name, property, required.has(name), depth + 1),
  );
  return rows.length === 0 ? "" : `<ul class="props">${rows.join("")}</ul>`;
};

/** What a schema holds, level by level. */
const inside = (schema: JsonSchema, depth: number): string => {
  if (depth > depthMax) return "";
  if (schema.properties !== undefined) return properties(schema, depth);
  if (schema.items !== undefined) return inside(schema.items, depth);
  if (typeof schema.additionalProperties === "object") return inside(schema.additionalProperties, depth);
  const objects = alternativesOf(schema).filter((part) => part.properties ?? part.items);
  if (objects.length === 1) return inside(objects[0] ?? {}, depth);
  return objects.map((part, at) => `<p class="variant">variant ${at + 1}</p>${inside(part, depth)}`).join("");
};

/** A schema as nested lists of its members. */
export const schemaHtml = (schema: JsonSchema): string =>
  `<p class="whole">${code(typeOf(schema))}</p>${inside(schema, 0)}`;
