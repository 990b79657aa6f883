import { copyFile, mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { globMatcher } from "../bundle/glob.ts";
import type { BuildExtension } from "./build-extension.ts";

const isSkipped = (name: string): boolean =>
  name === "node_modules" || name === ".git" || name === ".longshore";

const filesUnder = async (dir: string, from = ""): Promise<string[]> => {
  const entries = await readdir(path.join(dir, from), { withFileTypes: true });
  const nested = await Promise.all(
    entries.map((entry) => {
      if (isSkipped(entry.name)) return [];
      const name = from === "" ? entry.name : `${from}/${entry.name}`;
      return entry.isDirectory() ? filesUnder(dir, name) : [name];
    }),
  );
  return nested.flat();
};

/**
 * The project's files that match any of the globs (`*`, `**`, `?`). Shape: paths relative to the project, sorted.
 * Errors: throws when a pattern leads out of the project, or matches nothing.
 */
export const matchFiles = async (dir: string, patterns: readonly string[]): Promise<string[]> => {
  const all = await filesUnder(dir);
  const found = new Set<string>();
  for (const given of patterns) {
    const pattern = path.posix.normalize(given.replaceAll("\\", "/"));
    if (pattern.startsWith("../") || path.isAbsolute(pattern)) {
      throw new Error(`"${given}" is outside the project's folder`);
    }
    const matching = all.filter(globMatcher([pattern]));
    if (matching.length === 0) throw new Error(`no file matches "${given}"`);
    for (const file of matching) found.add(file);
  }
  return [...found].sort();
};

/** Copies files of the project to the same places of the deployment. Errors: those of `matchFiles`. */
export const addFiles = async (
  dir: string,
  outputPath: string,
  patterns: readonly string[],
): Promise<void> => {
  for (const file of await matchFiles(dir, patterns)) {
    const target = path.join(outputPath, file);
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(path.join(dir, file), target);
  }
};

/** Puts files of the project beside the code, under the same paths: `additionalFiles({ files: ["assets/**"] })`. */
export const additionalFiles = (options: { files: string[] }): BuildExtension => ({
  name: "additionalFiles",
  onBuildComplete: (context, manifest) => addFiles(context.workingDir, manifest.outputPath, options.files),
});
