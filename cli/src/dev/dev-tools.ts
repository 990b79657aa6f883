import type { ChildProcess } from "node:child_process";
import { stat } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildContext, type BuildOptions, type BuildResult, context, type Plugin } from "esbuild";
import { type BuildTools, forkIndexChild } from "../bundle/build-tools.ts";

/** Tools that remember: esbuild what it has read, and a process that is up already to index the next build. */
export type DevTools = BuildTools & {
  /** Gets the next build's process up. */
  warmUp(): void;
  close(): Promise<void>;
};

type Held = { key: string; context: Promise<BuildContext>; last?: { stamp: string; result: BuildResult } };

/** What decides how files are read, beside the files. */
const alwaysRead = ["package.json", "tsconfig.json"];

/** Sizes and times of all that a build read: it would come out the same while they are the same. */
const stampOf = async (
  dir: string,
  { metafile }: BuildResult,
): Promise<{ text: string; newestMs: number }> => {
  const files = [...alwaysRead, ...Object.keys(metafile?.inputs ?? {})];
  const stats = await Promise.all(files.map((file) => stat(path.resolve(dir, file)).catch(() => null)));
  return {
    text: stats.map((one) => (one === null ? "-" : `${one.size}@${one.mtimeMs}`)).join(" "),
    newestMs: Math.max(...stats.map((one) => one?.mtimeMs ?? 0)),
  };
};

/** A file that was written so shortly before a build may have been read before it was written. Units: milliseconds. */
const settledMs = 10;

/** What a build is of; its other options may change with the project's files. */
const subjectOf = ({ outfile, entryPoints }: BuildOptions): string => outfile ?? JSON.stringify(entryPoints);

const pluginIds = new WeakMap<Plugin, number>();
let pluginCount = 0;

/** Our own plugins depend on nothing but the folder and the other options; a project's is known by what it is. */
const idOf = (plugin: Plugin): string => {
  if (plugin.name.startsWith("longshore-")) return plugin.name;
  if (!pluginIds.has(plugin)) pluginIds.set(plugin, ++pluginCount);
  return `${plugin.name} ${pluginIds.get(plugin)}`;
};

/** Plugins are functions: those of the first build stay as long as this is the same. */
const keyOf = ({ plugins = [], ...options }: BuildOptions): string =>
  JSON.stringify([options, plugins.map(idOf)]);

const createIncrementalBuild = () => {
  const contexts = new Map<string, Held>();
  const drop = async (held: Held | undefined): Promise<void> => {
    await held?.context.then(
      (one) => one.dispose(),
      () => undefined,
    );
  };
  const build = async (options: BuildOptions): Promise<BuildResult> => {
    const [subject, key] = [subjectOf(options), keyOf(options)];
    const dir = options.absWorkingDir ?? ".";
    let held = contexts.get(subject);
    if (held?.key !== key) {
      await drop(held);
      held = { key, context: context({ ...options, metafile: true }) };
      contexts.set(subject, held);
    }
    const { last } = held;
    if (last !== undefined && last.stamp === (await stampOf(dir, last.result)).text) return last.result;
    delete held.last;
    const startedMs = Date.now();
    const result = await (await held.context).rebuild();
    const { text: stamp, newestMs } = await stampOf(dir, result);
    if (newestMs < startedMs - settledMs) held.last = { stamp, result };
    return result;
  };
  return {
    // The answer has what the options ask for, as esbuild's own overloads say.
    build: build as BuildTools["build"],
    close: async () => {
      await Promise.all([...contexts.values()].map(drop));
    },
  };
};

/** `onChild` hears of each process, so that none outlives a `dev` that is killed. */
export const createDevTools = (options: {
  env: () => Readonly<Record<string, string>>;
  onChild: (child: ChildProcess) => void;
  /** The project's folder, when a debugger is to find its sources. */
  sourceDir?: string;
}): DevTools => {
  const { build, close } = createIncrementalBuild();
  let next: ChildProcess | undefined;
  let isClosed = false;
  const fork = (): ChildProcess => {
    const child = forkIndexChild();
    child.once("exit", () => {
      if (next === child) next = undefined;
    });
    options.onChild(child);
    return child;
  };
  return {
    build,
    env: options.env,
    ...(options.sourceDir === undefined ? {} : { sourceRoot: `${pathToFileURL(options.sourceDir).href}/` }),
    startIndexChild: () => {
      const child = next ?? fork();
      next = undefined;
      return child;
    },
    warmUp: () => {
      if (!isClosed) next ??= fork();
    },
    close: async () => {
      isClosed = true;
      next?.kill("SIGKILL");
      await close();
    },
  };
};
