import type { Dice } from "./dice.ts";
import { oddTexts, oddValue, spoil } from "./odd-values.ts";
import type { Operation } from "./operations.ts";
import { valueFor } from "./schema-value.ts";

/** A request as it goes over the wire; `target` is not normalised. Headers may repeat a name. */
export type FuzzRequest = {
  operation: Operation;
  method: string;
  target: string;
  headers: [string, string][];
  body: Buffer | null;
  /** The JSON that the body is, when it is nothing else and says so. */
  json?: unknown;
};

/** What the requests may use: a credential for each kind of security, and ids that exist. */
export type Ground = {
  headersFor: Record<string, [string, string][]>;
  /** By the name of a path parameter. */
  ids: Record<string, readonly string[]>;
};

const methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/** A lone surrogate cannot be escaped: it goes as what stands for it. */
const wireText = (text: string, charsMax: number): string =>
  encodeURIComponent(Buffer.from(text.slice(0, charsMax)).toString());

/** Texts as they stand in a path: escaped, or left as they are where HTTP allows that. */
const pathText = (dice: Dice, text: string): string => {
  if (dice.once(30))
    return dice.pick(["%", "%zz", "%00", "%2F", "%C0%AF", "%ED%A0%80", "a%20b", "%u0041", "..%2f.."]);
  return wireText(text, 1_500) || "x";
};

const pathOf = (dice: Dice, operation: Operation, ground: Ground): string =>
  operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const known = ground.ids[name] ?? [];
    if (known.length > 0 && !dice.once(6)) return pathText(dice, dice.pick(known));
    return pathText(dice, dice.once(2) ? dice.pick(Object.values(ground.ids).flat()) : dice.pick(oddTexts));
  });

const queryText = (value: unknown): string =>
  wireText(typeof value === "string" ? value : (JSON.stringify(value) ?? ""), 2_000);

const queryOf = (dice: Dice, operation: Operation, ids: readonly string[]): string => {
  const parts: string[] = [];
  for (const { name, in: where, schema } of operation.parameters) {
    if (where !== "query" || dice.once(2)) continue;
    const value = dice.once(3) ? oddValue(dice) : valueFor(dice, schema, name, ids);
    parts.push(`${dice.once(2) ? encodeURIComponent(name) : name}=${queryText(value)}`);
    if (dice.once(12)) parts.push(`${name}=${queryText(oddValue(dice))}`);
  }
  if (dice.once(15))
    parts.push(
      dice.pick(["x=1", "page[size]=-1", "__proto__[a]=1", "a[b][c]=1", "=", "&&", "page[after]=%00"]),
    );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
};

const contentTypes = [
  ...[
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "",
  ],
  ...[
    "application/json; charset=utf-16",
    "application/x-ndjson",
    "application/JSON",
    "json",
    ";;;",
    "application/jsonx",
  ],
];

const veryDeep = (depth: number): string => `${'{"payload":'.repeat(depth)}1${"}".repeat(depth)}`;

/** Texts that are no JSON, or hardly. */
const brokenTexts = [
  veryDeep(20_000),
  `{"payload":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
  ...[
    '{"a":',
    "[",
    "}",
    "{'a':1}",
    "NaN",
    "\u0000",
    '{"a":1}{"b":2}',
    '"',
    "nul",
    '{"a":1,}',
    "\ufeff{}",
    "[1,2",
    "1e999",
  ],
];

const linesOf = (dice: Dice, operation: Operation, ids: readonly string[]): string => {
  const schema = operation.requestBody?.content["application/json"].schema ?? {};
  const lines = Array.from({ length: dice.below(5) }, (_, nth) => {
    if (dice.once(6)) return dice.pick(brokenTexts);
    const line = valueFor(dice, schema, "", ids);
    const whole = typeof line === "object" && line !== null && dice.once(2) ? { ...line, index: nth } : line;
    return JSON.stringify(dice.once(4) ? spoil(dice, whole) : whole) ?? "";
  });
  return lines.join(dice.once(5) ? "\r\n" : "\n") + (dice.once(2) ? "\n" : "");
};

type Content = Pick<FuzzRequest, "body" | "json"> & { type: string | null };

const bodyFor = (dice: Dice, operation: Operation, ids: readonly string[]): Content => {
  const schema = operation.requestBody?.content["application/json"].schema;
  if (operation.operationId === "addBatchItems" && !dice.once(5)) {
    return { body: Buffer.from(linesOf(dice, operation, ids)), type: "application/x-ndjson" };
  }
  if (dice.once(25)) return { body: Buffer.from(dice.pick(brokenTexts)), type: "application/json" };
  if (dice.once(60))
    return { body: Buffer.from([0xff, 0xfe, 0x7b, 0xc3, 0x28, 0x7d]), type: "application/json" };
  if (dice.once(1_200)) return { body: Buffer.alloc(10_500_000, 0x61), type: "application/json" };
  if (schema === undefined) {
    if (dice.once(2)) return { body: null, type: dice.once(4) ? "application/json" : null };
    return {
      body: Buffer.from(JSON.stringify(oddValue(dice)) ?? ""),
      type: dice.pick(["application/json", "text/plain"]),
    };
  }
  let value = valueFor(dice, schema, "", ids);
  for (let faults = dice.below(3); faults > 0; faults--) value = spoil(dice, value);
  const text = JSON.stringify(value) ?? "";
  const json: unknown = text === "" ? undefined : JSON.parse(text);
  return { body: Buffer.from(text), type: "application/json", ...(text === "" ? {} : { json }) };
};

const oddHeaders: readonly [string, string][] = [
  ["x-trigger-api-version", "1"],
  ["x-trigger-branch", "../x"],
  ["x-trigger-branch", "a".repeat(200)],
  ["idempotency-key", "k".repeat(3_000)],
  ["x-trigger-request-idempotency-key", "\u00e9"],
  ["origin", "null"],
  ["accept", "text/html"],
  ["accept-encoding", "br;q=x"],
  ["cookie", "longshore_session=; longshore_session=x; =;"],
  ["x-forwarded-host", "evil.example"],
  ["range", "bytes=5-1"],
  ["expect", "x"],
];

const headersOf = (
  dice: Dice,
  operation: Operation,
  ground: Ground,
  type: string | null,
): [string, string][] => {
  const kinds = operation.security.flatMap((one) => Object.keys(one));
  const kind = dice.once(40) ? dice.pick(Object.keys(ground.headersFor)) : kinds[0];
  const headers: [string, string][] =
    dice.once(50) || kind === undefined ? [] : [...(ground.headersFor[kind] ?? [])];
  if (type !== null) headers.push(["content-type", type]);
  if (dice.once(2)) headers.push(["x-trigger-api-version", "2025-07-16"]);
  if (dice.once(10)) headers.push(dice.pick(oddHeaders.filter(([name]) => name !== "expect")));
  const twice = headers[0];
  if (twice !== undefined && dice.once(60)) headers.push(twice);
  return headers;
};

/** The nth request: one of an operation, with a fault or several, or none. */
export const makeRequest = (dice: Dice, operation: Operation, ground: Ground): FuzzRequest => {
  const ids = Object.values(ground.ids).flat();
  const method = dice.once(25) ? dice.pick(methods) : operation.method;
  const mayHaveBody = !["GET", "HEAD", "OPTIONS"].includes(method) || dice.once(50);
  const content = mayHaveBody ? bodyFor(dice, operation, ids) : { body: null, type: null };
  const isOddType = content.body !== null && dice.once(25);
  const type = isOddType ? dice.pick(contentTypes) : content.type;
  return {
    ...{ operation, method, body: content.body },
    target: pathOf(dice, operation, ground) + queryOf(dice, operation, ids),
    headers: headersOf(dice, operation, ground, type),
    ...(content.json === undefined || isOddType || method !== operation.method ? {} : { json: content.json }),
  };
};
