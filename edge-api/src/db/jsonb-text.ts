/** An escape that JSON allows and Postgres' jsonb does not hold: NUL, or half of a surrogate pair. */
const unstorable = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/**
 * A value as the text of a jsonb parameter. Characters that Postgres cannot hold become U+FFFD: a task may print
 * anything, and one line of it must not spoil the statement that it shares with others.
 */
export const jsonbText = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.includes("\\u") ? text.replace(unstorable, "$1\ufffd") : text;
};

/** The same characters as they are. */
const loose = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A text as a parameter: the same for what stands alone. */
export const plainText = (text: string): string => text.replace(loose, "\ufffd");
