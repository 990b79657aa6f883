import { mkdtemp, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BundleManifest, ManifestTask } from "@longshore/shared/contract/manifest";
import { CliError } from "../cli-error.ts";
import type { BuildLayer, BuildTarget } from "../extensions/build-extension.ts";
import { type Archive, type ArchiveFile, archiveFiles } from "./archive.ts";
import { type BuildTools, plainTools } from "./build-tools.ts";
import { formatProblem } from "./bundle-error.ts";
import { type Bundle, bundleEntry, bundleProject } from "./bundle-project.ts";
import { buildDependencyLayer, type DependencyLayer } from "./dependency-layer.ts";
import { type SyncedVariables, startExtensions, variablesOf } from "./extension-host.ts";
import { indexBundle } from "./index-bundle.ts";
import { loadConfig, type ProjectConfig } from "./load-config.ts";
import { readPackageJson } from "./package-of.ts";
import { openProjectFolder } from "./project-folder.ts";
import { hostPlatform, parsePlatform, type TargetPlatform } from "./target-platform.ts";

/** A project, ready to be deployed. */
export type BuiltProject = {
  config: ProjectConfig;
  configFile: string;
  manifest: BundleManifest;
  archive: Archive;
  /** The packages beside the code. */
  layers: Archive[];
  inputs: string[];
  /** Variables that extensions set. */
  variables: SyncedVariables[];
  /** What extensions ask of the system that the runs see. */
  system: BuildLayer[];
  /** What the build and the user's own code had to say, a line each. */
  warnings: string[];
};

/** Says in the source map where the sources are. Not before indexing, which looks for them beside the bundle. */
const withSourceRoot = (bundle: Bundle, sourceRoot: string | undefined): Bundle => {
  if (sourceRoot === undefined) return bundle;
  const map = { ...JSON.parse(bundle.sourcemap), sourceRoot };
  return { ...bundle, sourcemap: JSON.stringify(map) };
};

/** How a project is built. */
export type BuildOptions = {
  /** `dev`: for this machine; `deploy`, the default: for the agents. */
  target?: Exclude<BuildTarget, "unmanaged">;
  /** `linux/amd64` or `linux/arm64`; this machine's processor unless said. */
  platform?: string | undefined;
  environment?: string | undefined;
  branch?: string | undefined;
  /** Makes the image that the layers ask for, and answers its name. */
  makeImage?: ((layers: BuildLayer[]) => Promise<string>) | undefined;
  tools?: BuildTools;
};

const readOutput = async (dir: string): Promise<ArchiveFile[]> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return Promise.all(
    files.map(async (file) => ({
      name: path.relative(dir, file).split(path.sep).join("/"),
      content: await readFile(file),
      isExecutable: ((await stat(file)).mode & 0o111) !== 0,
    })),
  );
};

const filesOfLayers = (layers: readonly BuildLayer[]): ArchiveFile[] =>
  layers.flatMap(({ files = {} }) =>
    Object.entries(files).map(([name, content]) => {
      const clean = path.posix.normalize(name.replaceAll("\\", "/"));
      if (clean.startsWith("../") || path.isAbsolute(clean)) {
        throw new CliError(`an extension wants to write "${name}", outside the deployment`);
      }
      return { name: clean, content };
    }),
  );

const archiveOf = (bundle: Bundle, manifest: BundleManifest, more: ArchiveFile[]): Promise<Archive> => {
  const files = new Map<string, ArchiveFile>(more.map((file) => [file.name, file]));
  for (const file of [
    { name: bundleEntry, content: bundle.code },
    { name: `${bundleEntry}.map`, content: bundle.sourcemap },
    { name: "manifest.json", content: `${JSON.stringify(manifest, null, 2)}\n` },
  ]) {
    if (files.has(file.name))
      throw new CliError(`"${file.name}" is the name of a file of ours: call yours otherwise`);
    files.set(file.name, file);
  }
  return archiveFiles([...files.values()]);
};

const layerOf = async (
  dir: string,
  bundle: Bundle,
  layers: BuildLayer[],
  platform: TargetPlatform,
  target: "dev" | "deploy",
): Promise<DependencyLayer> =>
  buildDependencyLayer({
    target,
    projectDir: dir,
    sources: bundle.sources,
    externals: bundle.externals,
    extra: Object.assign({}, ...layers.map((layer) => layer.dependencies ?? {})),
    platform,
    cacheDir: await openProjectFolder(dir, "cache", "layers"),
  });

/** Whoever looks at a failure while writing the code may not want to wait for the next attempt. */
const tasksInDev = (tasks: ManifestTask[], { retries }: ProjectConfig): ManifestTask[] =>
  retries?.enabledInDev === false
    ? tasks.map((task) => ({ ...task, retry: { ...task.retry, maxAttempts: 1 } }))
    : tasks;

/** An image is made when it is asked for and the extensions need one. */
const imageOf = async (
  system: BuildLayer[],
  { target, makeImage }: BuildOptions,
): Promise<Pick<BundleManifest, "image">> =>
  system.length === 0 || target === "dev" || !makeImage ? {} : { image: await makeImage(system) };

/** Global hooks as they were once set: a run never loads the configuration. */
const configHooks = ["init", "onStart", "onSuccess", "onFailure", "handleError"] as const;
const hooksInstead = { init: "middleware", handleError: "catchError" } as const;

const ignoredHooks = (config: ProjectConfig): string[] =>
  configHooks
    .filter((name) => config[name] !== undefined)
    .map((name) => {
      const instead = name === "init" || name === "handleError" ? hooksInstead[name] : name;
      return `${name} of the configuration is not called: set it with tasks.${instead}(…) in an init.ts beside the tasks`;
    });

/** Settings that another system would heed, and that change nothing here. */
const ignoredSettings = ({ runtime, telemetry, ...config }: ProjectConfig): string[] => [
  ...ignoredHooks(config),
  ...(runtime?.startsWith("bun")
    ? [`runtime "${runtime}": Bun is not there; runs get the agent's Node`]
    : []),
  ...(telemetry === undefined ? [] : ["telemetry is ignored: no exporter or instrumentation of it runs"]),
];

/**
 * Loads the configuration, bundles, indexes and packs. Errors: CliError and BundleError of each step.
 */
export const buildProject = async (projectDir: string, options: BuildOptions = {}): Promise<BuiltProject> => {
  const dir = path.resolve(projectDir);
  const { target = "deploy", environment, branch, tools = plainTools } = options;
  const platform = target === "dev" ? hostPlatform() : parsePlatform(options.platform);
  const { config, file } = await loadConfig(dir, tools);
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const extensions = await startExtensions({ dir, config, target, environment, branch, say });
  const bundle = await bundleProject({ dir, config, extensions, tools });
  const { manifest: indexed, output } = await indexBundle(bundle, config, { tools });

  const outputPath = await realpath(await mkdtemp(path.join(tmpdir(), "longshore-build-")));
  try {
    const externals = [...bundle.externals].map(([name, from]) => ({
      name,
      version: from === null ? undefined : readPackageJson(from)?.version,
    }));
    const files = bundle.taskFiles.map((entry) => ({ entry }));
    await extensions.complete({ target, outputPath, configPath: file, files, externals });
    const layer = await layerOf(dir, bundle, extensions.layers, platform, target);
    const layers = layer.archive ? [layer.archive] : [];
    const system = extensions.layers.filter(
      ({ image, commands }) => image !== undefined || commands !== undefined,
    );
    const manifest: BundleManifest = {
      ...indexed,
      tasks: target === "dev" ? tasksInDev(indexed.tasks, config) : indexed.tasks,
      ...(layers.length === 0
        ? {}
        : { layers: layers.map(({ hash, bytes }) => ({ hash, sizeBytes: bytes.length })) }),
      ...(await imageOf(system, options)),
    };
    const more = [...(await readOutput(outputPath)), ...filesOfLayers(extensions.layers)];
    const printed = output.split("\n").filter((line) => line.trim() !== "");
    return {
      config,
      configFile: file,
      manifest,
      archive: await archiveOf(withSourceRoot(bundle, tools.sourceRoot), manifest, more),
      layers,
      inputs: bundle.inputs,
      variables: variablesOf(extensions.layers),
      system,
      warnings: [
        ...ignoredSettings(config),
        ...bundle.warnings.map(formatProblem),
        ...said,
        ...layer.warnings,
        ...printed,
      ],
    };
  } finally {
    await rm(outputPath, { recursive: true, force: true });
  }
};
