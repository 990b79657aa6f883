import { readFileSync, realpathSync } from "node:fs";
import path from "node:path";

/** What is read of a package's `package.json`. */
export type PackageJson = {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  gypfile?: boolean;
  binary?: unknown;
  napi?: unknown;
};

/** The `package.json` in a folder; undefined when there is none that can be read. */
export const readPackageJson = (dir: string): PackageJson | undefined => {
  try {
    return JSON.parse(readFileSync(path.join(dir, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
};

/** The package that an import names: `a` of `a/b`, `@a/b` of `@a/b/c`; null for a path, an alias, or what esbuild adds itself. */
export const packageNameOf = (specifier: string): string | null => {
  const found = /^((?:@[\w~-][\w.~-]*\/)?(?:[\w~-][\w.~-]*|\.prisma\/client))(\/|$)/.exec(specifier);
  return found?.[1] ?? null;
};

/** The folder of the package that a resolved file belongs to: the nearest with a name of its own. */
export const packageDirOf = (file: string): string | null => {
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    if (readPackageJson(dir)?.name) return dir;
    if (dir === path.dirname(dir) || path.basename(dir) === "node_modules") return null;
  }
};

/** Where Node would find a package for code in `fromDir`. Shape: the real folder, links resolved; null when nowhere. */
export const findPackage = (name: string, fromDir: string): string | null => {
  for (let dir = fromDir; ; dir = path.dirname(dir)) {
    if (path.basename(dir) !== "node_modules") {
      try {
        const found = realpathSync(path.join(dir, "node_modules", ...name.split("/")));
        return found;
      } catch {}
    }
    if (dir === path.dirname(dir)) return null;
  }
};
