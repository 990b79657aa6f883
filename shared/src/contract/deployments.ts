import { z } from "zod";
import { ImportEnvVarsBody } from "./env-vars.ts";
import { BundleManifest } from "./manifest.ts";
import { DeploymentSignature } from "./signatures.ts";

/** Largest bundle archive that is accepted. Units: bytes. */
export const bundleBytesMax = 100 * 1024 * 1024;

/** SHA-256 of the archive's bytes, lower-case hex: its name everywhere. */
export const BundleHash = z.string().regex(/^[0-9a-f]{64}$/);

export const BundleReceipt = z.object({ hash: BundleHash, sizeBytes: z.int(), created: z.boolean() });
export type BundleReceipt = z.infer<typeof BundleReceipt>;

/** Largest part of an archive that is uploaded in parts. Units: bytes. */
export const bundlePartBytesMax = 8 * 1024 * 1024;

/** The parts of an archive in their order, each by the SHA-256 of its bytes. */
export const AssembleBundleBody = z.object({ parts: z.array(BundleHash).min(1).max(100) });
export type AssembleBundleBody = z.infer<typeof AssembleBundleBody>;

/** Units: characters of JSON. */
const gitCharactersMax = 16_384;

/** What is nested too deeply to be written is longer as well. */
const isShort = (git: object): boolean => {
  try {
    return JSON.stringify(git).length <= gitCharactersMax;
  } catch {
    return false;
  }
};

export const CreateDeploymentBody = z.object({
  bundleHash: BundleHash,
  manifest: BundleManifest,
  /** For agents that execute nothing else; kept and handed on as it came. */
  signature: DeploymentSignature.optional(),
  externalId: z.string().min(1).max(128).optional(),
  /** What the caller knows of the commit; shown as it came. */
  git: z
    .record(z.string().max(100), z.unknown())
    .refine(isShort, `at most ${gitCharactersMax} characters`)
    .optional(),
});
export type CreateDeploymentBody = z.infer<typeof CreateDeploymentBody>;

export const deploymentStatuses = ["PENDING", "DEPLOYED", "FAILED"] as const;

/** Why a deployment failed, as whoever failed it said. */
export const DeploymentError = z.object({
  name: z.string().max(200),
  message: z.string().max(10_000),
  stack: z.string().max(100_000).optional(),
  stderr: z.string().max(100_000).optional(),
});
export type DeploymentError = z.infer<typeof DeploymentError>;

export const FailDeploymentBody = z.object({ error: DeploymentError });

/** Variables that a deployment brings along, as imports in their order. */
export const DeploymentVariablesBody = z.object({ imports: z.array(ImportEnvVarsBody).max(100) });
export type DeploymentVariablesBody = z.infer<typeof DeploymentVariablesBody>;

/** Every variable that runs of the environment get, by name. */
export const DeploymentVariables = z.object({ names: z.array(z.string()) });
export type DeploymentVariables = z.infer<typeof DeploymentVariables>;

/** Without `version`: to the one before the current. `from`: only if that is current, so that a repeat does nothing. */
export const RollBackBody = z.object({
  version: z.string().min(1).max(100).optional(),
  from: z.string().min(1).max(100).optional(),
});
export type RollBackBody = z.infer<typeof RollBackBody>;

export const Deployment = z.object({
  id: z.string(),
  createdAt: z.iso.datetime(),
  shortCode: z.string(),
  version: z.string(),
  runtime: z.string(),
  runtimeVersion: z.string(),
  status: z.enum(deploymentStatuses),
  deployedAt: z.iso.datetime().optional(),
  externalId: z.string().optional(),
  git: z.record(z.string(), z.unknown()).optional(),
  error: DeploymentError.optional(),
  isCurrent: z.boolean(),
  taskCount: z.int(),
});
export type Deployment = z.infer<typeof Deployment>;
