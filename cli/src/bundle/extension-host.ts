import { createRequire } from "node:module";
import path from "node:path";
import type { Plugin } from "esbuild";
import { CliError } from "../cli-error.ts";
import type {
  BuildContext,
  BuildExtension,
  BuildLayer,
  BuildManifest,
  BuildTarget,
  RegisterPluginOptions,
} from "../extensions/build-extension.ts";
import type { ProjectConfig } from "./load-config.ts";

/** A variable that the environment gets with a deployment. */
export type SyncedVariables = {
  variables: Record<string, string>;
  parentVariables: Record<string, string>;
  isSecret: boolean;
  override: boolean;
};

/** What the extensions of a project came to. */
export type ExtensionHost = {
  /** Packages that must stay outside the bundle. */
  externals: string[];
  plugins(placement: "first" | "last"): Plugin[];
  conditions: string[];
  layers: BuildLayer[];
  /** Hands each extension what was built. Errors: CliError naming the extension that failed. */
  complete(manifest: BuildManifest): Promise<void>;
};

const failedIn = (name: string, error: unknown): CliError =>
  new CliError(
    `the build extension "${name}" failed: ${error instanceof Error ? error.message : String(error)}`,
    {
      cause: error,
    },
  );

const isExtension = (value: unknown): value is BuildExtension =>
  typeof value === "object" && value !== null && typeof (value as { name?: unknown }).name === "string";

const extensionsOf = (config: ProjectConfig): BuildExtension[] => {
  const listed = config.build?.extensions ?? [];
  for (const [index, one] of listed.entries()) {
    if (!isExtension(one)) {
      throw new CliError(`build.extensions[${index}] is no extension: it has no name`, {
        next: 'list what functions such as aptGet({ packages: ["ghostscript"] }) answer',
        exitCode: 2,
      });
    }
  }
  return listed as BuildExtension[];
};

/** How extensions speak: warnings and progress are passed on, the rest is for whoever debugs one. */
const loggerOf = (say: (line: string) => void): BuildContext["logger"] => {
  const line = (args: unknown[]) => args.map(String).join(" ");
  return {
    debug: () => {},
    log: (...args) => say(line(args)),
    warn: (...args) => say(line(args)),
    progress: say,
    spinner: (message) => {
      say(message);
      return { stop: say, message: say };
    },
  };
};

/**
 * Starts the extensions of a project's configuration, in their order.
 *
 * `say`: a line for the user. Errors: CliError naming the extension that failed.
 */
export const startExtensions = async (wish: {
  dir: string;
  config: ProjectConfig;
  target: BuildTarget;
  environment?: string | undefined;
  branch?: string | undefined;
  say: (line: string) => void;
}): Promise<ExtensionHost> => {
  const { dir, config, target, environment, branch } = wish;
  const extensions = extensionsOf(config);
  const layers: BuildLayer[] = [];
  const plugins: (RegisterPluginOptions & { plugin: Plugin })[] = [];
  const fromProject = createRequire(path.join(dir, "package.json"));
  const context: BuildContext = {
    target,
    config,
    workingDir: dir,
    ...(environment === undefined ? {} : { environment }),
    ...(branch === undefined ? {} : { branch }),
    logger: loggerOf(wish.say),
    addLayer: (layer) => void layers.push(layer),
    registerPlugin: (plugin, options = {}) => void plugins.push({ plugin, ...options }),
    resolvePath: async (specifier) => {
      try {
        return fromProject.resolve(specifier);
      } catch {
        return undefined;
      }
    },
  };
  const externals: string[] = [];
  for (const extension of extensions) {
    try {
      externals.push(...((await extension.externalsForTarget?.(target)) ?? []));
      await extension.onBuildStart?.(context);
    } catch (error) {
      throw failedIn(extension.name, error);
    }
  }
  return {
    externals,
    layers,
    conditions: layers.flatMap((layer) => layer.conditions ?? []),
    plugins: (placement) =>
      plugins
        .filter((one) => one.target === undefined || one.target === target)
        .filter((one) => (one.placement ?? "last") === placement)
        .map((one) => one.plugin),
    async complete(manifest) {
      for (const extension of extensions) {
        try {
          await extension.onBuildComplete?.(context, manifest);
        } catch (error) {
          throw failedIn(extension.name, error);
        }
      }
    },
  };
};

const defined = (env: Record<string, string | undefined> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

/** What the layers set in the environment, in their order, as imports of variables. */
export const variablesOf = (layers: readonly BuildLayer[]): SyncedVariables[] =>
  layers.flatMap(({ deploy }) => {
    if (!deploy) return [];
    const override = deploy.override ?? false;
    const plain = { variables: defined(deploy.env), parentVariables: defined(deploy.parentEnv) };
    const secret = { variables: defined(deploy.secretEnv), parentVariables: defined(deploy.secretParentEnv) };
    return [
      { ...plain, isSecret: false, override },
      { ...secret, isSecret: true, override },
    ].filter((one) => Object.keys(one.variables).length + Object.keys(one.parentVariables).length > 0);
  });
