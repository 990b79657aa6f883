import type { Plugin } from "esbuild";

/** `dev`: for this machine. `deploy`: for the agents. `unmanaged`: never used here; extensions may ask for it. */
export type BuildTarget = "dev" | "deploy" | "unmanaged";

type Env = Record<string, string | undefined>;

/** What an extension adds to a deployment. Paths are relative to the project. */
export type BuildLayer = {
  /** Names it in messages. */
  id: string;
  /** Files of the deployment beside the code: name → content. */
  files?: Record<string, string>;
  /** Packages beside the code: name → version. */
  dependencies?: Record<string, string>;
  /** What the system of the runs must have; only `deploy --image` can give it. */
  image?: { pkgs?: string[]; instructions?: string[] };
  /** Commands of the image's build, after packages and instructions. */
  commands?: string[];
  build?: { env?: Env };
  /** Variables that the environment gets with the deployment. */
  deploy?: {
    env?: Env;
    /** Written to the preview environment that a branch belongs to. */
    parentEnv?: Env;
    secretEnv?: Env;
    secretParentEnv?: Env;
    /** Whether it replaces what is set already. */
    override?: boolean;
  };
  /** More conditions by which packages choose their files. */
  conditions?: string[];
};

/** Where a plugin stands among those of esbuild, and for which target it is. */
export type RegisterPluginOptions = { target?: BuildTarget; placement?: "first" | "last" };

/** How an extension speaks to the user. */
export type BuildLogger = {
  debug(...args: unknown[]): void;
  log(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  progress(message: string): void;
  spinner(message: string): { stop(message: string, code?: number): void; message(message: string): void };
};

/** What is known of the project while it is built. */
export type BuildContext = {
  target: BuildTarget;
  config: {
    project?: string | undefined;
    build?: { external?: string[] | undefined } | undefined;
    [other: string]: unknown;
  };
  /** The project's folder. */
  workingDir: string;
  /** Which environment it is built for, where that is known: `dev`, `staging`, `prod`, `preview`. */
  environment?: string;
  branch?: string;
  logger: BuildLogger;
  addLayer(layer: BuildLayer): void;
  registerPlugin(plugin: Plugin, options?: RegisterPluginOptions): void;
  /** Where an import of the project's own code would lead; undefined when nowhere. */
  resolvePath(specifier: string): Promise<string | undefined>;
};

/** What was built. */
export type BuildManifest = {
  target: BuildTarget;
  /** What is written here becomes part of the deployment. */
  outputPath: string;
  configPath: string;
  files: { entry: string }[];
  externals: { name: string; version: string | undefined }[];
};

/**
 * Takes part in the build of a project; `build.extensions` of the configuration lists them.
 *
 * Source: the feature reference, 1.6: extensions written for the reference system's build work here.
 */
export type BuildExtension = {
  name: string;
  /** Packages that must stay outside the bundle. */
  externalsForTarget?(target: BuildTarget): string[] | undefined | Promise<string[] | undefined>;
  onBuildStart?(context: BuildContext): unknown;
  onBuildComplete?(context: BuildContext, manifest: BuildManifest): unknown;
};
