import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** What a build works with. `dev` brings its own, which remember the last build. */
export type BuildTools = {
  build: typeof build;
  /** A process of `index-child.mjs`, which waits for its order. */
  startIndexChild(): ChildProcess;
  /** Variables that the project's code sees while it is indexed, beside this process's own. */
  env(): Readonly<Record<string, string>>;
  /** Folder where debuggers find the sources; as the map has them when absent. */
  sourceRoot?: string;
};

const childFile = fileURLToPath(new URL("./index-child.mjs", import.meta.url));

/** Forks a process that indexes one bundle. */
export const forkIndexChild = (): ChildProcess =>
  fork(childFile, [], { execArgv: ["--enable-source-maps"], silent: true, serialization: "json" });

/** For one build that nothing follows. */
export const plainTools: BuildTools = { build, startIndexChild: forkIndexChild, env: () => ({}) };
