import type { KeyObject } from "node:crypto";
import { type Client, createClient, NotFoundError } from "@longshore/sdk";
import { BundleReceipt, Deployment } from "@longshore/shared/contract/deployments";
import type { Archive } from "../bundle/archive.ts";
import { type BuiltProject, buildProject } from "../bundle/build-project.ts";
import { CliError } from "../cli-error.ts";
import { signDeployment } from "./sign-deployment.ts";

/** What a deployment does next, for whoever shows its progress. */
export type DeployStep = "build" | "upload" | "create" | "finalise" | "promote";

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

const isStored = async (client: Client, hash: string): Promise<boolean> => {
  try {
    await client.send("HEAD", `/api/v1/bundles/${hash}`);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
};

const upload = async (client: Client, { bytes, hash }: Archive): Promise<void> => {
  const receipt = await client.request(BundleReceipt, "PUT", `/api/v1/bundles/${hash}`, {
    bytes,
    headers: { "content-type": "application/gzip" },
  });
  if (receipt.hash !== hash) {
    throw new CliError(`the upload arrived damaged: sent ${hash}, stored ${receipt.hash}`, {
      next: "deploy again",
    });
  }
};

/**
 * Deploys what `buildProject` made: the archive is uploaded unless the API has it, then a version is created, checked
 * and made current. The last step is the only one that changes what runs, so a failure before it changes nothing.
 *
 * Cost: 4 or 5 requests. Errors: ApiError of the request that failed.
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
  const { archive, manifest, warnings } = built;
  const step = options.onStep ?? (() => {});

  const stored = await isStored(client, archive.hash);
  step("upload", stored ? "already there" : `${Math.ceil(archive.bytes.length / 1024)} KiB`);
  if (!stored) await upload(client, archive);

  step("create", `${manifest.tasks.length} tasks`);
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
  if (!options.skipPromotion) {
    step("promote", final.version);
    await move("promote");
  }
  return {
    deploymentId: created.id,
    version: final.version,
    tasks: manifest.tasks.map((task) => task.id),
    bundleHash: archive.hash,
    promoted: !options.skipPromotion,
    warnings,
  };
};

/** Builds the project in `dir` and deploys it. Errors: those of `buildProject` and `deployBuilt`. */
export const deployProject = async (options: DeployOptions): Promise<DeployedProject> => {
  options.onStep?.("build", options.dir);
  return deployBuilt(await buildProject(options.dir), options);
};
