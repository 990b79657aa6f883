import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { machineNames } from "@longshore/shared/contract/machines";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import { buildNamesPlugin } from "./build-names-plugin.ts";
import { type BuildTools, plainTools } from "./build-tools.ts";
import { BundleError } from "./bundle-error.ts";
import { problemsOf, requireBanner } from "./esbuild-options.ts";
import { explainMissingPackage } from "./explain-missing-package.ts";
import { externalsPlugin } from "./externals-plugin.ts";
import { openProjectFolder } from "./project-folder.ts";
import { sdkPlugin } from "./sdk-plugin.ts";
import { framesOf } from "./stack-frames.ts";

/** What the CLI reads of a project's configuration; the rest is let through. */
const ProjectConfig = z.looseObject({
  project: z.string().min(1).optional(),
  dirs: z.array(z.string()).optional(),
  ignorePatterns: z.array(z.string()).optional(),
  maxDuration: z.number().min(5).optional(),
  ttl: z.union([z.string(), z.int()]).optional(),
  machine: z
    .union([z.enum(machineNames), z.looseObject({ preset: z.enum(machineNames) })], {
      error: `must be one of ${machineNames.join(", ")}`,
    })
    .transform((machine) => (typeof machine === "string" ? machine : machine.preset))
    .optional(),
  retries: z
    .looseObject({ enabledInDev: z.boolean().optional(), default: z.looseObject({}).optional() })
    .optional(),
  processKeepAlive: z
    .union([
      z.boolean(),
      z.looseObject({
        enabled: z.boolean(),
        maxExecutionsPerProcess: z.int().min(1).max(1_000_000).optional(),
      }),
    ])
    .optional(),
  tsconfig: z.string().optional(),
  runtime: z.string().optional(),
  logLevel: z.enum(["none", "error", "warn", "log", "info", "debug"]).optional(),
  telemetry: z.unknown().optional(),
  build: z
    .looseObject({
      external: z.array(z.string()).optional(),
      autoDetectExternal: z.boolean().optional(),
      conditions: z.array(z.string()).optional(),
      keepNames: z.boolean().optional(),
      minify: z.boolean().optional(),
      jsx: z
        .looseObject({
          factory: z.string().optional(),
          fragment: z.string().optional(),
          automatic: z.boolean().optional(),
        })
        .optional(),
      extensions: z.array(z.unknown()).optional(),
    })
    .optional(),
});
export type ProjectConfig = z.infer<typeof ProjectConfig>;

const names = ["longshore.config", "trigger.config"];
const extensions = ["ts", "mts", "js", "mjs"];

/** The configuration file of the project; null when there is none. */
export const findConfigFile = async (dir: string): Promise<string | null> => {
  for (const name of names) {
    for (const extension of extensions) {
      const file = path.join(dir, `${name}.${extension}`);
      if (
        await access(file).then(
          () => true,
          () => false,
        )
      )
        return file;
    }
  }
  return null;
};

const bundleConfig = async (dir: string, file: string, build: BuildTools["build"]): Promise<string> => {
  try {
    const result = await build({
      entryPoints: [file],
      absWorkingDir: dir,
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      target: "node20",
      logLevel: "silent",
      sourcemap: "inline",
      sourceRoot: pathToFileURL(`${dir}/`).href,
      sourcesContent: false,
      banner: { js: requireBanner },
      plugins: [sdkPlugin(dir), buildNamesPlugin(), externalsPlugin({ external: [], detect: true })],
    });
    return result.outputFiles[0]?.text ?? "";
  } catch (error) {
    const problems = problemsOf(error);
    throw new BundleError(problems, { cause: error, next: await explainMissingPackage(dir, problems) });
  }
};

/** What a file exported, by its code: it is run again when that changes. */
const imported = new Map<string, { code: string; module: { default?: unknown } }>();

const importOnce = async (file: string, code: string, dir: string): Promise<{ default?: unknown }> => {
  const known = imported.get(file);
  if (known?.code === code) return known.module;
  const module = await importText(code, dir);
  imported.set(file, { code, module });
  return module;
};

/** What was thrown while the configuration was loaded, in one line that ends with the place in the project's own files. */
const failureOf = (error: unknown, dir: string): string => {
  const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
  const frames = error instanceof Error ? framesOf(error.stack ?? "", dir) : [];
  const own = frames.find(({ file }) => !/^\.\.|(^|\/)(node_modules|\.longshore)\//.test(file));
  return own ? `${reason} (${own.file}:${own.line}:${own.column})` : `${reason}`;
};

/** In the project, so that packages that are not part of the code are found from there. */
const importText = async (code: string, projectDir: string): Promise<{ default?: unknown }> => {
  const dir = await mkdtemp(path.join(await openProjectFolder(projectDir), "config-"));
  try {
    const file = path.join(dir, "config.mjs");
    await writeFile(file, code);
    process.setSourceMapsEnabled(true);
    return await import(pathToFileURL(file).href);
  } catch (error) {
    // A stack is written when it is first asked for: while the source map is known.
    throw new CliError(failureOf(error, projectDir), { cause: error });
  } finally {
    process.setSourceMapsEnabled(false);
    await rm(dir, { recursive: true, force: true });
  }
};

/**
 * Runs the project's `longshore.config.ts` or `trigger.config.ts` and answers what it exports.
 *
 * Errors: CliError when there is none or it holds something wrong; BundleError when it cannot be built.
 */
export const loadConfig = async (
  dir: string,
  tools: Pick<BuildTools, "build"> = plainTools,
): Promise<{ file: string; config: ProjectConfig }> => {
  const file = await findConfigFile(dir);
  if (!file) {
    throw new CliError(`no longshore.config.ts or trigger.config.ts in ${dir}`, {
      next: "begin a project here with: longshore init",
      exitCode: 2,
    });
  }
  const name = path.basename(file);
  const code = await bundleConfig(dir, file, tools.build);
  const module = await importOnce(file, code, dir).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`${name} failed when it was loaded: ${reason}`, { cause: error });
  });
  const parsed = ProjectConfig.safeParse(module.default);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue && issue.path.length > 0 ? issue.path.join(".") : "its default export";
    throw new CliError(`${name}: ${where}: ${issue?.message}`, { exitCode: 2 });
  }
  return { file, config: parsed.data };
};
