import path from "node:path";
import { watch } from "chokidar";

/** Changes come in bursts (a save, a checkout, a formatter); one build for each burst. Units: milliseconds. */
const quietMs = 50;

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
