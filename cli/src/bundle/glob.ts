const translate = (pattern: string): string =>
  pattern.replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (token) => {
    if (token === "**/") return "(?:.*/)?";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    return token === "?" ? "[^/]" : `\\${token}`;
  });

/** Tells whether a path with `/` matches any of the globs; they know `*`, `**` and `?`. */
export const globMatcher = (patterns: readonly string[]): ((file: string) => boolean) => {
  const rules = patterns.map((pattern) => new RegExp(`^${translate(pattern.replace(/^\.\//, ""))}$`));
  return (file) => rules.some((rule) => rule.test(file));
};
