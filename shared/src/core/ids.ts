/** Crockford base 32, lower case: sorts as the numbers it encodes. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** The kinds of id, each with the prefix it carries on the wire. */
export const idPrefixes = {
  run: "run",
  organization: "org",
  project: "proj",
  environment: "env",
  user: "user",
  member: "memb",
  apiKey: "key",
  pool: "pool",
  agent: "agent",
  deployment: "deployment",
  queue: "queue",
  lane: "lane",
  waitPoint: "waitpoint",
  boot: "boot",
  request: "req",
  batch: "batch",
  schedule: "sched",
  bulkAction: "bulk",
  concurrencyLimit: "climit",
  limitSlot: "lslot",
  personalToken: "pat",
  container: "box",
} as const;

export type IdKind = keyof typeof idPrefixes;

const encodeTime = (ms: number): string => {
  let rest = ms;
  let text = "";
  for (let place = 0; place < 10; place++) {
    text = alphabet[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
};

/** Several ids are made in the same millisecond. */
let lastTime = { ms: 0, text: encodeTime(0) };
const timeText = (ms: number): string => {
  if (lastTime.ms !== ms) lastTime = { ms, text: encodeTime(ms) };
  return lastTime.text;
};

/** Random bytes are drawn for many ids at once: a draw costs as much as the rest of an id. */
const pool = new Uint8Array(4_096);
let poolUsed = pool.length;

/** Random text over the lower-case base 32 alphabet. Shape: `length` characters, 5 bits of entropy each. */
export const randomText = (length: number): string => {
  if (length > pool.length) throw new Error(`no more than ${pool.length} random characters at once`);
  if (poolUsed + length > pool.length) {
    crypto.getRandomValues(pool);
    poolUsed = 0;
  }
  let text = "";
  for (const end = poolUsed + length; poolUsed < end; poolUsed++)
    text += alphabet[(pool[poolUsed] ?? 0) % 32];
  return text;
};

/**
 * A new id that sorts by the time it was made, so that inserts stay local in an index and pages follow creation.
 *
 * Shape: `<prefix>_<26 characters>`: 10 of time, 16 random (80 bits). Units: `nowMs` in Unix milliseconds.
 */
export const newId = (kind: IdKind, nowMs: number = Date.now()): string =>
  `${idPrefixes[kind]}_${timeText(nowMs)}${randomText(16)}`;

/** What every id of a kind made at a time or later sorts behind. Units: `atMs` in Unix milliseconds. */
export const idFloor = (kind: IdKind, atMs: number): string =>
  `${idPrefixes[kind]}_${encodeTime(Math.min(Math.max(0, Math.floor(atMs)), 2 ** 50 - 1))}`;
