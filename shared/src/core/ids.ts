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

/** Random text over the lower-case base 32 alphabet. Shape: `length` characters, 5 bits of entropy each. */
export const randomText = (length: number): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => alphabet[byte % 32]).join("");
};

/**
 * A new id that sorts by the time it was made, so that inserts stay local in an index and pages follow creation.
 *
 * Shape: `<prefix>_<26 characters>`: 10 of time, 16 random (80 bits). Units: `nowMs` in Unix milliseconds.
 */
export const newId = (kind: IdKind, nowMs: number = Date.now()): string =>
  `${idPrefixes[kind]}_${encodeTime(nowMs)}${randomText(16)}`;
