import { isBuiltin } from "node:module";
import path from "node:path";
import type { Metafile, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild";
import { globMatcher } from "./glob.ts";
import { isNativePackage } from "./native-package.ts";
import { findPackage, packageDirOf, packageNameOf } from "./package-of.ts";

/** Packages that the bundle imports but does not contain: name → folder; null for one that is not installed. */
export type Externals = Map<string, string | null>;

/** Marks what this plugin asks itself. What other plugins said of an import is kept, or they would wait for each other. */
const mark = { longshoreExternals: true };
const isMarked = (data: unknown): boolean => (data as typeof mark | undefined)?.longshoreExternals === true;
const fromPackage = /[\\/]node_modules[\\/]/;

/** Whether `build.external` names the import: by package, by path, or with `*`. */
const matcherOf = (patterns: readonly string[]): ((specifier: string, name: string) => boolean) => {
  const isMatch = globMatcher(patterns);
  return (specifier, name) => isMatch(specifier) || isMatch(name);
};

/**
 * What a build has left out, as esbuild tells: a package that the project's own code imports is the one it finds there. One
 * that is nowhere and not among `external` is a require inside a try, which esbuild lets stand: its code does without.
 */
export const externalsOf = (
  projectDir: string,
  metafile: Metafile,
  external: readonly string[],
): Externals => {
  const isNamed = matcherOf(external);
  const found: Externals = new Map();
  for (const [input, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path: specifier, external } of imports) {
      const name = external && !isBuiltin(specifier) ? packageNameOf(specifier) : null;
      if (name === null) continue;
      const file = path.resolve(projectDir, input);
      if (found.get(name) && fromPackage.test(file)) continue;
      const dir = findPackage(name, path.dirname(file)) ?? found.get(name) ?? null;
      if (dir !== null || isNamed(specifier, name)) found.set(name, dir);
    }
  }
  return found;
};

/**
 * Leaves packages out of the bundle that must stay files: those that the configuration names, and, if `detect`, those
 * with native modules or WebAssembly.
 */
export const externalsPlugin = (options: { external: readonly string[]; detect: boolean }): Plugin => ({
  name: "longshore-externals",
  setup(build: PluginBuild) {
    const isNamed = matcherOf(options.external);
    const native = new Map<string, boolean>();
    const isNative = (dir: string): boolean => {
      const known = native.get(dir) ?? isNativePackage(dir);
      native.set(dir, known);
      return known;
    };
    const leaveOut = (args: OnResolveArgs): OnResolveResult => ({ path: args.path, external: true });
    build.onResolve({ filter: /^[^./#]/ }, async (args) => {
      const name = packageNameOf(args.path);
      if (args.kind === "entry-point" || isMarked(args.pluginData) || name === null) return;
      if (isBuiltin(args.path) || path.isAbsolute(args.path)) return;
      if (isNamed(args.path, name)) return leaveOut(args);
      if (!options.detect) return;
      const { importer, resolveDir, kind } = args;
      const asked = { ...args.pluginData, ...mark };
      const resolved = await build.resolve(args.path, { importer, resolveDir, kind, pluginData: asked });
      if (resolved.errors.length > 0) return undefined;
      if (resolved.external) return { path: resolved.path, external: true };
      const dir = resolved.namespace === "file" ? packageDirOf(resolved.path) : null;
      if (dir !== null && fromPackage.test(resolved.path) && isNative(dir)) return leaveOut(args);
      const { path: file, namespace, suffix, sideEffects, pluginData } = resolved;
      return { path: file, namespace, suffix, sideEffects, pluginData };
    });
  },
});
