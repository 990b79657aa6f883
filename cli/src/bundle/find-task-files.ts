import { readdir } from "node:fs/promises";
import path from "node:path";
import { globMatcher } from "./glob.ts";

const sourceFile = /\.(ts|tsx|mts|cts|js|jsx|mjs|cjs)$/;
const notTaskFile = /(\.d\.[mc]?ts|\.(test|spec)\.[^.]+)$/;
/** Loaded before all others where it stands at the top of a task folder: the place for global hooks. */
const initFile = /^init\.[mc]?[jt]sx?$/;
const defaultDirs = new Set(["trigger", "tasks"]);

const isSkipped = (name: string): boolean =>
  name === "node_modules" || name === "dist" || name === "build" || name.startsWith(".");

type Found = { dirs: string[]; files: string[] };

const listDir = async (dir: string): Promise<Found> => {
  const entries = await readdir(dir, { withFileTypes: true });
  const names = (wanted: boolean) =>
    entries
      .filter((entry) => entry.isDirectory() === wanted && !isSkipped(entry.name))
      .map((entry) => entry.name);
  return { dirs: names(true).sort(), files: names(false).sort() };
};

const filesUnder = async (dir: string): Promise<string[]> => {
  const { dirs, files } = await listDir(dir);
  const nested = await Promise.all(dirs.map((name) => filesUnder(path.join(dir, name))));
  const own = files.filter((name) => sourceFile.test(name) && !notTaskFile.test(name));
  return [...own.map((name) => path.join(dir, name)), ...nested.flat()];
};

/** The folder of a file, as `path.relative` names it: the project's own is "". */
const topOf = (file: string): string => (file.includes("/") ? path.posix.dirname(file) : "");

const findDefaultDirs = async (dir: string): Promise<string[]> => {
  const { dirs } = await listDir(dir);
  const found = await Promise.all(
    dirs.map((name) => {
      const child = path.join(dir, name);
      return defaultDirs.has(name) ? [child] : findDefaultDirs(child);
    }),
  );
  return found.flat();
};

/**
 * The files that may define tasks: those in `dirs`, or else in any `trigger` or `tasks` folder of the project.
 *
 * Shape: paths relative to the project, with `/`: the `init` files at the top of those folders, then the others, each
 * sorted; no tests, no type declarations.
 * Errors: rejects when a folder of `dirs` is missing.
 */
export const findTaskFiles = async (
  projectDir: string,
  options: { dirs?: string[] | undefined; ignorePatterns?: string[] | undefined } = {},
): Promise<string[]> => {
  const dirs =
    options.dirs?.map((dir) => path.resolve(projectDir, dir)) ?? (await findDefaultDirs(projectDir));
  const isIgnored = globMatcher(options.ignorePatterns ?? []);
  const files = (await Promise.all(dirs.map(filesUnder))).flat();
  const toRelative = (file: string) => path.relative(projectDir, file).split(path.sep).join("/");
  const tops = new Set(dirs.map(toRelative));
  const isInit = (file: string) => initFile.test(path.basename(file)) && tops.has(topOf(file));
  const relative = [...new Set(files.map(toRelative))].filter((file) => !isIgnored(file)).sort();
  return [...relative.filter(isInit), ...relative.filter((file) => !isInit(file))];
};
