import path from "node:path";
import type { BundleManifest } from "@longshore/shared/contract/manifest";
import { type Archive, archiveBundle } from "./archive.ts";
import { formatProblem } from "./bundle-error.ts";
import { bundleProject } from "./bundle-project.ts";
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

/** Loads the configuration, bundles, indexes and packs. Errors: CliError and BundleError of each step. */
export const buildProject = async (projectDir: string): Promise<BuiltProject> => {
  const dir = path.resolve(projectDir);
  const { config, file } = await loadConfig(dir);
  const bundle = await bundleProject({ dir, config });
  const { manifest, output } = await indexBundle(bundle, config);
  const archive = await archiveBundle(bundle, manifest);
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
