import path from "node:path";
import { watch } from "chokidar";

/**
 * A save is two or three changes at once. A longer burst (a checkout, a formatter) meets a build that is under way, and
 * has one more after it. Units: milliseconds.
 */
const quietMs = 15;

const ignoredNames = new Set(["node_modules", "dist"]);

const isIgnored = (dir: string, file: string): boolean =>
  path
    .relative(dir, file)
    .split(path.sep)
    .some((name) => ignoredNames.has(name) || (name.startsWith(".") && name.length > 1));

/** Calls `onChange` after files of the project changed. Answers when it watches. */
export const watchProject = async (
  dir: string,
  onChange: () => void,
): Promise<{ close(): Promise<void> }> => {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(dir, { ignored: (file) => isIgnored(dir, file), ignoreInitial: true });
  watcher.on("all", () => {
    clearTimeout(timer);
    timer = setTimeout(onChange, quietMs);
  });
  await new Promise<void>((resolve, reject) => {
    watcher.once("ready", resolve);
    watcher.once("error", reject);
  });
  return {
    close: async () => {
      clearTimeout(timer);
      await watcher.close();
    },
  };
};
