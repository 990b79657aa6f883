/** Longest path that is named. Units: characters. */
const pathCharsMax = 200;

/** What lies directly in a list or an object, each with its path. */
const within = (value: object, path: string): [string, unknown][] =>
  Object.entries(value).map(([name, inner]) => [`${path}.${name}`, inner]);

/**
 * Where a parsed JSON value holds a number that no double can, such as `1e400`: it reads as infinite, and JSON would write
 * it as null. Null when there is none.
 *
 * Shape: the path of the first one found, with dots, from `name` on; cut after 200 characters.
 */
export const findInfinite = (value: unknown, name: string): string | null => {
  // No recursion: a value may be nested deeper than the stack is.
  const open: [string, unknown][] = [[name, value]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, inner] = next;
    if (typeof inner === "number" && !Number.isFinite(inner)) return path.slice(0, pathCharsMax);
    if (typeof inner !== "object" || inner === null) continue;
    for (const entry of within(inner, path)) open.push(entry);
  }
  return null;
};
