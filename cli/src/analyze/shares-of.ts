/** A part of a bundle. Units: bytes. */
export type Share = { name: string; bytes: number };

/** The package that an input is of; the project's own code has none. */
const packageOf = (input: string): string => {
  const at = input.lastIndexOf("node_modules/");
  if (at === -1) return input.startsWith("..") ? "(the SDK and other linked packages)" : "(your code)";
  const [first = "", second = ""] = input.slice(at + "node_modules/".length).split("/");
  return first.startsWith("@") ? `${first}/${second}` : first;
};

const largestFirst = (sums: Map<string, number>): Share[] =>
  [...sums].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes);

/** What a bundle is made of, by file and by package, the largest first. */
export const sharesOf = (sizes: Record<string, number>): { inputs: Share[]; packages: Share[] } => {
  const inputs = new Map(Object.entries(sizes).filter(([, bytes]) => bytes > 0));
  const packages = new Map<string, number>();
  for (const [input, bytes] of inputs) {
    const name = packageOf(input);
    packages.set(name, (packages.get(name) ?? 0) + bytes);
  }
  return { inputs: largestFirst(inputs), packages: largestFirst(packages) };
};
