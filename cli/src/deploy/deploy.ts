import type { KeyObject } from "node:crypto";
import path from "node:path";
import { ApiError, type Client, createClient } from "@longshore/sdk";
import { Deployment, DeploymentVariables } from "@longshore/shared/contract/deployments";
import { type BuildOptions, type BuiltProject, buildProject } from "../bundle/build-project.ts";
import { findEnvReads } from "../bundle/find-env-reads.ts";
import { ownTasks } from "../bundle/own-tasks.ts";
import { CliError } from "../cli-error.ts";
import { countOf } from "../terminal/count-of.ts";
import { refuseSystem } from "./build-image.ts";
import { signDeployment } from "./sign-deployment.ts";
import { refuseTooLarge, uploadArchive } from "./upload-archive.ts";

/** What a deployment does next, for whoever shows its progress. */
export type DeployStep = "build" | "upload" | "create" | "finalise" | "variables" | "promote";

/** What to deploy, and where to. */
export type DeployOptions = {
  dir: string;
  apiUrl: string;
  apiKey: string;
  /** Renews a short-lived key and names the branch, where there is one. */
  fetch?: typeof fetch;
  onStep?: (step: DeployStep, detail: string) => void;
  /** Leaves the version that is current as it is. */
  skipPromotion?: boolean;
  externalId?: string;
  /** Signs what is deployed. `envNames`: the only variables that its runs may get; null = any. */
  signing?: { key: KeyObject; envNames: string[] | null };
  /** How it is built. */
  build?: BuildOptions;
  /** Leaves the variables of the environment as they are, whatever extensions say. */
  skipSyncEnvVars?: boolean;
  /** Variables that runs have besides those of the environment. */
  localEnv?: () => Readonly<Record<string, string>>;
};

/** What became of it. */
export type DeployedProject = {
  deploymentId: string;
  version: string;
  /** Ids of the deployed tasks. */
  tasks: string[];
  bundleHash: string;
  promoted: boolean;
  warnings: string[];
};

/**
 * Sets what extensions bring along, and answers a line when variables are read that the environment does not have. Whoever
 * may deploy but not see variables is not told.
 */
const setVariables = async (
  client: Client,
  deploymentId: string,
  built: BuiltProject,
  reads: readonly string[],
  options: Pick<DeployOptions, "onStep" | "skipSyncEnvVars" | "localEnv">,
): Promise<string[]> => {
  const imports = options.skipSyncEnvVars ? [] : built.variables;
  if (imports.length === 0 && reads.length === 0) return [];
  const count = imports.reduce((sum, one) => sum + Object.keys(one.variables).length, 0);
  if (count > 0) options.onStep?.("variables", `${countOf(count, "variable")} set by extensions`);
  const place = `/api/v1/deployments/${encodeURIComponent(deploymentId)}/variables`;
  try {
    const { names } = await client.request(DeploymentVariables, "POST", place, { body: { imports } });
    const local = options.localEnv?.() ?? {};
    const missing = reads.filter((name) => !names.includes(name) && local[name] === undefined);
    if (missing.length === 0) return [];
    return [`the code reads variables that this environment does not have: ${missing.join(", ")}`];
  } catch (error) {
    if (imports.length === 0 && error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
};

/**
 * Deploys what `buildProject` made: the archives are uploaded unless the API has them, then a version is created, checked
 * and made current. The last step is the only one that changes what runs, so a failure before it changes nothing.
 *
 * Cost: 4 to 6 requests, and one or two for each layer. Errors: ApiError of the request that failed.
 */
export const deployBuilt = async (
  built: BuiltProject,
  options: Omit<DeployOptions, "dir">,
): Promise<DeployedProject> => {
  const client = createClient({
    baseURL: options.apiUrl,
    accessToken: options.apiKey,
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
  const { archive, layers, manifest } = built;
  if (manifest.image === undefined) refuseSystem(built.system);
  for (const layer of layers) refuseTooLarge("packages", layer);
  refuseTooLarge("code", archive);
  const step = options.onStep ?? (() => {});
  // Looked for while the requests are under way.
  const reads = findEnvReads(path.dirname(built.configFile), built.inputs);
  reads.catch(() => undefined);

  for (const layer of layers)
    await uploadArchive(client, layer, (text) => step("upload", `packages: ${text}`));
  await uploadArchive(client, archive, (text) => step("upload", text));

  step("create", countOf(ownTasks(manifest).length, "task"));
  const created = await client.request(Deployment, "POST", "/api/v1/deployments", {
    body: {
      bundleHash: archive.hash,
      manifest,
      ...(options.signing === undefined
        ? {}
        : { signature: signDeployment(built, options.signing.key, options.signing.envNames) }),
      ...(options.externalId === undefined ? {} : { externalId: options.externalId }),
    },
  });
  const move = (name: string) =>
    client.request(Deployment, "POST", `/api/v1/deployments/${encodeURIComponent(created.id)}/${name}`);

  step("finalise", created.version);
  const final = await move("finalise");
  if (final.status !== "DEPLOYED") {
    throw new CliError(`version ${final.version} is ${final.status}, not DEPLOYED; nothing was promoted`);
  }
  const warnings = [
    ...built.warnings,
    ...(await setVariables(client, created.id, built, await reads, options)),
  ];
  if (!options.skipPromotion) {
    step("promote", final.version);
    await move("promote");
  }
  return {
    deploymentId: created.id,
    version: final.version,
    tasks: ownTasks(manifest).map((task) => task.id),
    bundleHash: archive.hash,
    promoted: !options.skipPromotion,
    warnings,
  };
};

/** Builds the project in `dir` and deploys it. Errors: those of `buildProject` and `deployBuilt`. */
export const deployProject = async (options: DeployOptions): Promise<DeployedProject> => {
  options.onStep?.("build", options.dir);
  return deployBuilt(await buildProject(options.dir, options.build), options);
};
