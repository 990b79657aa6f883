export type PayloadReading = { ok: true; value: unknown } | { ok: false; message: string };

const lineOf = (text: string, position: number): string => {
  const before = text.slice(0, position).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
};

/** Reads the payload editor's text; none at all is a run without a payload. */
export const readPayload = (text: string): PayloadReading => {
  if (text.trim() === "") return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const position = /at position (\d+)/.exec(reason)?.[1];
    const where = position === undefined ? "" : ` (${lineOf(text, Number(position))})`;
    const short = reason.replace(/ in JSON at position.*$/, "").replace(/ \(line.*$/, "");
    return { ok: false, message: `This is not JSON: ${short}${where}` };
  }
};

type Schema = { type?: unknown; properties?: unknown; items?: unknown; default?: unknown; enum?: unknown };
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const exampleOf = (schema: unknown): unknown => {
  if (!isRecord(schema)) return null;
  const { type, properties, default: fallback, enum: choices }: Schema = schema;
  if (fallback !== undefined) return fallback;
  if (Array.isArray(choices)) return choices[0];
  if (isRecord(properties)) {
    return Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, exampleOf(part)]));
  }
  const plain: Record<string, unknown> = {
    string: "",
    number: 0,
    integer: 0,
    boolean: false,
    array: [],
    object: {},
  };
  return typeof type === "string" ? (plain[type] ?? null) : null;
};

/** A first payload to edit: the shape of the task's schema when it has one. */
export const starterPayload = (payloadSchema: unknown): string =>
  JSON.stringify(isRecord(payloadSchema) ? exampleOf(payloadSchema) : {}, null, 2);
