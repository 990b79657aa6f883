import { z } from "zod";
import { machineNames } from "./machines.ts";

const Retry = z.object({
  maxAttempts: z.int().min(1).max(250).optional(),
  factor: z.number().min(1).optional(),
  minTimeoutInMs: z.number().min(0).optional(),
  maxTimeoutInMs: z.number().min(0).optional(),
  randomize: z.boolean().optional(),
  /** The machine that an attempt gets after one that had too little memory. */
  outOfMemory: z.object({ machine: z.enum(machineNames).optional() }).optional(),
});

/** A task as the indexer found it in a bundle. */
export const ManifestTask = z.object({
  id: z.string().min(1).max(128),
  filePath: z.string(),
  exportName: z.string().optional(),
  description: z.string().optional(),
  retry: Retry.optional(),
  queue: z
    .object({ name: z.string().min(1).max(128), concurrencyLimit: z.int().min(0).max(100_000).nullish() })
    .optional(),
  machine: z.enum(machineNames).optional(),
  /** Units: seconds of execution, waits excluded; null = unlimited. */
  maxDuration: z.number().min(5).nullish(),
  /** A duration text or seconds. */
  ttl: z.union([z.string(), z.int()]).optional(),
  payloadSchema: z.unknown().optional(),
});
export type ManifestTask = z.infer<typeof ManifestTask>;

/** What a bundle holds: made by the indexer, stored with the deployment. */
export const BundleManifest = z.object({
  format: z.literal(1),
  /** Module in the archive that registers every task when it is imported. */
  entry: z.string().regex(/^[\w./-]+\.mjs$/),
  runtime: z.literal("node"),
  runtimeVersion: z.string(),
  sdkVersion: z.string(),
  cliVersion: z.string(),
  tasks: z.array(ManifestTask).max(5_000),
});
export type BundleManifest = z.infer<typeof BundleManifest>;
