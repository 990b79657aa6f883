import { z } from "zod";
import { BundleManifest } from "./manifest.ts";

/** Largest bundle archive that is accepted. Units: bytes. */
export const bundleBytesMax = 100 * 1024 * 1024;

/** SHA-256 of the archive's bytes, lower-case hex: its name everywhere. */
export const BundleHash = z.string().regex(/^[0-9a-f]{64}$/);

export const BundleReceipt = z.object({ hash: BundleHash, sizeBytes: z.int(), created: z.boolean() });
export type BundleReceipt = z.infer<typeof BundleReceipt>;

export const CreateDeploymentBody = z.object({
  bundleHash: BundleHash,
  manifest: BundleManifest,
  externalId: z.string().min(1).max(128).optional(),
});
export type CreateDeploymentBody = z.infer<typeof CreateDeploymentBody>;

export const deploymentStatuses = ["PENDING", "DEPLOYED", "FAILED"] as const;

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
  isCurrent: z.boolean(),
  taskCount: z.int(),
});
export type Deployment = z.infer<typeof Deployment>;
