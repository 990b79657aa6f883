import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Folder of programs that the test run has built; see `infra/src/testing/build-programs.ts`. */
export const builtProgramsVariable = "LONGSHORE_BUILT_PROGRAMS";

/**
 * Programs that tests start live for seconds: compiling the embedded Postgres for speed takes them longer, on every
 * processor there is, than it ever saves.
 */
const shortLived = "--liftoff-only";

/** Where a program of the house is built to. Shape: `cli/src/main.ts` → `<folder>/cli/src/main.mjs`. */
export const builtProgram = (folder: string, file: string): string =>
  join(folder, file.replace(/\.ts$/, ".mjs"));

/**
 * What Node is given to start a program of the house, for tests that start it as a process of its own: what the test run has
 * built (a start takes a third of the processor's time), or else the sources through tsx.
 *
 * Shape: `file` is a path below `root`.
 */
export const nodeProgram = (root: string, file: string): string[] => {
  const folder = process.env[builtProgramsVariable];
  const built = folder ? builtProgram(folder, file) : undefined;
  if (built && existsSync(built)) return [shortLived, built];
  const tsx = createRequire(join(root, "package.json")).resolve("tsx");
  return ["--import", pathToFileURL(tsx).href, join(root, file)];
};
