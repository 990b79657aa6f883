/** Shorter values are left as they are: masking `true` or `8080` would hide what logs are for. Units: characters. */
const charsMin = 6;
const shown = "***";

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/**
 * Base64 of the value wherever it may stand in what was encoded (`user:secret`): three ways to begin, without the
 * characters at either end that other bytes have a part in. Both alphabets.
 */
const base64Forms = (value: string): string[] =>
  [0, 1, 2].flatMap((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)]);
    const from = Math.ceil((shift * 4) / 3);
    const whole = Math.floor((bytes.length * 8) / 6);
    const text = bytes.toString("base64").slice(from, whole);
    return [text, text.replaceAll("+", "-").replaceAll("/", "_")];
  });

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

const formsOf = (value: string): string[] => {
  const url = encodeURIComponent(value);
  const hex = Buffer.from(value).toString("hex");
  return [
    value,
    inJson(value),
    // JSON that is a text within JSON, as in logs of requests.
    inJson(inJson(value)),
    url,
    url.replaceAll("%20", "+"),
    url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    hex,
    hex.toUpperCase(),
    ...base64Forms(value),
  ];
};

export type Mask = {
  /** The text with `***` for every form of a secret in it. */
  text(text: string): string;
  /** The same for every text within a value of JSON, names included. */
  deep<T>(value: T): T;
  /** Where a text that goes on may be cut so that no secret stands on both sides. Units: characters from its start. */
  cut(text: string): number;
};

/**
 * Finds secrets in what a run says: as they are, as lines of their own where they have several, in JSON and JSON within it,
 * URL-encoded, in hexadecimal of either case and in base64. Cost: one pass over the text for all of them.
 */
export const createMask = (secrets: readonly string[]): Mask => {
  const values = secrets.flatMap((secret) => [secret, ...secret.split(/\r?\n/)]);
  const forms = new Set(
    values
      .map((value) => value.trim())
      .filter((value) => value.length >= charsMin)
      .flatMap(formsOf)
      .filter((form) => form.length >= charsMin),
  );
  if (forms.size === 0) return { text: (text) => text, deep: (value) => value, cut: (text) => text.length };
  // The longest first: what begins like another must not leave its end behind.
  const longestFirst = [...forms].sort((one, other) => other.length - one.length);
  const pattern = new RegExp(longestFirst.map(escaped).join("|"), "g");
  const longest = longestFirst[0]?.length ?? 0;

  const text = (said: string): string => said.replace(pattern, shown);
  const deep = (value: unknown): unknown => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(deep);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [text(name), deep(inner)]));
  };
  return {
    text,
    deep: <T>(value: T): T => deep(value) as T,
    cut(said) {
      // What may be the beginning of one stays for later; so does one that reaches over that place.
      const at = Math.max(0, said.length - longest + 1);
      for (const found of said.matchAll(pattern)) {
        if (found.index < at && found.index + found[0].length > at) return found.index;
      }
      return at;
    },
  };
};

/** The values that a run's variables of these names have. */
export const secretsOf = (env: Record<string, string>, names: readonly string[]): string[] =>
  names.flatMap((name) => env[name] ?? []);
