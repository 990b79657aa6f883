import path from "node:path";
import type { BuildResult } from "esbuild";
import { CliError } from "../cli-error.ts";
import { type BuildTools, plainTools } from "./build-tools.ts";
import { BundleError, type Problem } from "./bundle-error.ts";
import { problemOf, problemsOf, requireBanner } from "./esbuild-options.ts";
import { explainMissingPackage } from "./explain-missing-package.ts";
import type { ExtensionHost } from "./extension-host.ts";
import { type Externals, externalsOf, externalsPlugin } from "./externals-plugin.ts";
import { findTaskFiles } from "./find-task-files.ts";
import type { ProjectConfig } from "./load-config.ts";
import { logLevelsStatement } from "./log-levels-statement.ts";
import { sdkPlugin } from "./sdk-plugin.ts";

/** A project's code as one module. */
export type Bundle = {
  code: string;
  sourcemap: string;
  /** Task files, relative to the project. */
  taskFiles: string[];
  /** Every source of the project that is in it, relative to the project. */
  inputs: string[];
  /** The same, and those of the project's workspace. */
  sources: string[];
  /** Packages that it imports but does not contain. */
  externals: Externals;
  /** How much of the module comes from each input. Units: bytes. */
  sizes: Record<string, number>;
  warnings: Problem[];
};

/** Name of the module in the archive. */
export const bundleEntry = "index.mjs";

/** Imports each task file, and exports them so that the indexer can tell a task's export name. */
const entryCode = (taskFiles: string[]): string => {
  const imports = taskFiles.map((file, i) => `import * as m${i} from ${JSON.stringify(`./${file}`)};`);
  const pairs = taskFiles.map((file, i) => `[${JSON.stringify(file)}, m${i}]`);
  return `${imports.join("\n")}\nexport const files = [${pairs.join(", ")}];\n`;
};

type Shape = {
  dir: string;
  config: ProjectConfig;
  build: BuildTools["build"];
  taskFiles: string[];
  extensions: Pick<ExtensionHost, "plugins" | "externals" | "conditions"> | undefined;
};

const runEsbuild = ({ dir, config, build, taskFiles, extensions }: Shape) => {
  const { build: wish = {}, tsconfig } = config;
  const conditions = [...(wish.conditions ?? []), ...(extensions?.conditions ?? [])];
  return build({
    stdin: {
      contents: entryCode(taskFiles),
      resolveDir: dir,
      sourcefile: "longshore-entry.js",
      loader: "js",
    },
    absWorkingDir: dir,
    outfile: path.join(dir, bundleEntry),
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "node20",
    jsx: wish.jsx?.automatic === false ? "transform" : "automatic",
    ...(wish.jsx?.factory === undefined ? {} : { jsxFactory: wish.jsx.factory }),
    ...(wish.jsx?.fragment === undefined ? {} : { jsxFragment: wish.jsx.fragment }),
    keepNames: wish.keepNames ?? true,
    minify: wish.minify ?? false,
    // Node's own come first; esbuild adds "import" or "require" itself.
    ...(conditions.length === 0 ? {} : { conditions: [...conditions, "node", "module"] }),
    ...(tsconfig === undefined ? {} : { tsconfig: path.resolve(dir, tsconfig) }),
    sourcemap: "linked",
    logLevel: "silent",
    logOverride: { "import-is-undefined": "error" },
    banner: { js: requireBanner + logLevelsStatement(config) },
    plugins: [
      ...(extensions?.plugins("first") ?? []),
      sdkPlugin(dir),
      externalsPlugin({
        external: externalNames(config, extensions),
        detect: wish.autoDetectExternal ?? true,
      }),
      ...(extensions?.plugins("last") ?? []),
    ],
  });
};

/** What the configuration and extensions want outside. */
const externalNames = (
  config: ProjectConfig,
  extensions: Pick<ExtensionHost, "externals"> | undefined,
): string[] => [...(config.build?.external ?? []), ...(extensions?.externals ?? [])];

const outputText = (result: BuildResult<{ write: false }>, suffix: string): string => {
  const file = result.outputFiles.find((output) => output.path.endsWith(suffix));
  if (!file) throw new Error(`esbuild wrote no ${suffix}`);
  return file.text;
};

const sizesOf = ({ metafile }: BuildResult<{ metafile: true }>): Record<string, number> =>
  Object.fromEntries(
    Object.values(metafile.outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).map(([input, { bytesInOutput }]) => [input, bytesInOutput]),
    ),
  );

/** Also what is beside the project: packages of its workspace. */
const isOfWorkspace = (input: string): boolean =>
  !input.includes("node_modules/") && input !== "longshore-entry.js";

const isOwnSource = (input: string): boolean =>
  !input.includes("node_modules/") && !input.startsWith("..") && input !== "longshore-entry.js";

/**
 * Bundles the project's task files and all they import into one ES module for Node 20, in memory.
 *
 * Errors: CliError when there are no task files; BundleError with file and line for everything esbuild refuses (syntax,
 * a missing module, a missing export).
 */
export const bundleProject = async (options: {
  dir: string;
  config: ProjectConfig;
  extensions?: Shape["extensions"];
  tools?: BuildTools;
}): Promise<Bundle> => {
  const dir = path.resolve(options.dir);
  const { config, extensions } = options;
  const { dirs, ignorePatterns } = config;
  const taskFiles = await findTaskFiles(dir, { dirs, ignorePatterns }).catch((error: unknown) => {
    throw new CliError(`cannot read the task folders: ${error instanceof Error ? error.message : error}`, {
      next: "check `dirs` in the configuration",
      cause: error,
    });
  });
  if (taskFiles.length === 0) {
    throw new CliError(`no task files in ${(dirs ?? ["any trigger/ or tasks/ folder"]).join(", ")}`, {
      next: "put a file that calls task({ id, run }) in src/trigger/, or set `dirs` in the configuration",
    });
  }
  try {
    const { build } = options.tools ?? plainTools;
    const result = await runEsbuild({ dir, config, build, taskFiles, extensions });
    return {
      code: outputText(result, bundleEntry),
      sourcemap: outputText(result, `${bundleEntry}.map`),
      taskFiles,
      inputs: Object.keys(result.metafile.inputs).filter(isOwnSource).sort(),
      sources: Object.keys(result.metafile.inputs).filter(isOfWorkspace),
      externals: externalsOf(dir, result.metafile, externalNames(config, extensions)),
      sizes: sizesOf(result),
      warnings: result.warnings.map(problemOf),
    };
  } catch (error) {
    const problems = problemsOf(error);
    throw new BundleError(problems, { cause: error, next: await explainMissingPackage(dir, problems) });
  }
};
