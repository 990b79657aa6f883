import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a module exports by name: values, and types that are nothing at run time. */
export type ExportedNames = { values: Set<string>; types: Set<string> };

const declared =
  /^export (?:declare )?(?:async )?(const|let|function\*?|class|abstract class|type|interface|enum|namespace) ([\w$]+)/gm;
const listed = /^export (type )?\{([^}]*)\}/gm;
const starred = /^export (type )?\* from ["']([^"']+)["']/gm;
const named = /^export \* as ([\w$]+) from/gm;

const fileOf = (from: string, specifier: string): string | undefined =>
  [specifier, specifier.replace(/\.m?js$/, ".d.ts"), `${specifier}.d.ts`]
    .map((path) => join(dirname(from), path))
    .find((file) => existsSync(file) && !file.endsWith(".js"));

/**
 * Reads the export statements of a declaration file or a source file, and of the modules whose exports it passes on.
 * It knows statements that begin a line, as compilers and formatters write them; modules of other packages are not opened.
 */
export const exportedNames = (file: string): ExportedNames => {
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const values = new Set<string>();
  const types = new Set<string>();
  for (const [, kind = "", name = ""] of text.matchAll(declared)) {
    (kind === "type" || kind === "interface" ? types : values).add(name);
  }
  for (const [, name = ""] of text.matchAll(named)) values.add(name);
  for (const [, isType, list = ""] of text.matchAll(listed)) {
    for (const item of list
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean)) {
      const [, typeOnly, name = "", as] = /^(type )?([\w$]+)(?: as ([\w$]+))?$/.exec(item) ?? [];
      (isType || typeOnly ? types : values).add(as ?? name);
    }
  }
  for (const [, isType, specifier = ""] of text.matchAll(starred)) {
    const next = specifier.startsWith(".") ? fileOf(file, specifier) : undefined;
    if (next === undefined) continue;
    const inner = exportedNames(next);
    if (!isType) for (const name of inner.values) values.add(name);
    for (const name of inner.types) types.add(name);
  }
  return { values, types };
};
