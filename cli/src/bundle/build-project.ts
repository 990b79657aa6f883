import path from "node:path";
import type { BundleManifest } from "@longshore/shared/contract/manifest";
import { type Archive, archiveBundle } from "./archive.ts";
import { type BuildTools, plainTools } from "./build-tools.ts";
import { formatProblem } from "./bundle-error.ts";
import { type Bundle, bundleProject } from "./bundle-project.ts";
import { indexBundle } from "./index-bundle.ts";
import { loadConfig, type ProjectConfig } from "./load-config.ts";

/** A project, ready to be deployed. */
export type BuiltProject = {
  config: ProjectConfig;
  configFile: string;
  manifest: BundleManifest;
  archive: Archive;
  inputs: string[];
  /** What the build and the user's own code had to say, a line each. */
  warnings: string[];
};

/** Says in the source map where the sources are. Not before indexing, which looks for them beside the bundle. */
const withSourceRoot = (bundle: Bundle, sourceRoot: string | undefined): Bundle => {
  if (sourceRoot === undefined) return bundle;
  const map = { ...JSON.parse(bundle.sourcemap), sourceRoot };
  return { ...bundle, sourcemap: JSON.stringify(map) };
};

/** Loads the configuration, bundles, indexes and packs. Errors: CliError and BundleError of each step. */
export const buildProject = async (
  projectDir: string,
  tools: BuildTools = plainTools,
): Promise<BuiltProject> => {
  const dir = path.resolve(projectDir);
  const { config, file } = await loadConfig(dir, tools);
  const bundle = await bundleProject({ dir, config, tools });
  const { manifest, output } = await indexBundle(bundle, config, { tools });
  const archive = await archiveBundle(withSourceRoot(bundle, tools.sourceRoot), manifest);
  const printed = output.split("\n").filter((line) => line.trim() !== "");
  return {
    config,
    configFile: file,
    manifest,
    archive,
    inputs: bundle.inputs,
    warnings: [...bundle.warnings.map(formatProblem), ...printed],
  };
};
