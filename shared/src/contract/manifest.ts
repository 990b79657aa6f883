import { z } from "zod";
import { machineNames } from "./machines.ts";
import { RunLabels } from "./trigger.ts";

const Retry = z.object({
  maxAttempts: z.int().min(1).max(250).optional(),
  factor: z.number().min(1).optional(),
  minTimeoutInMs: z.number().min(0).optional(),
  maxTimeoutInMs: z.number().min(0).optional(),
  randomize: z.boolean().optional(),
  /** The machine that an attempt gets after one that had too little memory. */
  outOfMemory: z.object({ machine: z.enum(machineNames).optional() }).optional(),
});

/** Bounds of a concurrency limit. `perKey` holds for each concurrency key, `total` for all runs under it. */
const LimitShape = z.object({
  perKey: z.int().min(1).max(100_000).optional(),
  total: z.int().min(1).max(100_000).optional(),
});
const limitName = z.string().regex(/^[A-Za-z0-9_-]{1,122}$/);

/** A named limit that tasks may share. */
export const ManifestLimit = LimitShape.extend({ name: limitName });
export type ManifestLimit = z.infer<typeof ManifestLimit>;

/** What a trigger does when a run of its lane is not over: queue behind it, be it, or take its place. */
const queuePolicies = ["queue", "skip", "replace"] as const;

/** Where runs wait for a slot. */
export const ManifestQueue = z.object({
  name: z.string().min(1).max(128),
  concurrencyLimit: z.int().min(0).max(100_000).nullish(),
  policy: z.enum(queuePolicies).optional(),
});
export type ManifestQueue = z.infer<typeof ManifestQueue>;

const environmentTypes = ["DEVELOPMENT", "STAGING", "PREVIEW", "PRODUCTION"] as const;

/** When the platform triggers a task by itself. No environments = all of them. */
export const ManifestSchedule = z.object({
  cron: z.string().max(256),
  timezone: z.string().max(64).default("UTC"),
  environments: z.array(z.enum(environmentTypes)).optional(),
  window: z.string().max(16).optional(),
});
export type ManifestSchedule = z.infer<typeof ManifestSchedule>;

/** A task as the indexer found it in a bundle. */
export const ManifestTask = z.object({
  id: z.string().min(1).max(128),
  filePath: z.string(),
  exportName: z.string().optional(),
  description: z.string().optional(),
  retry: Retry.optional(),
  queue: ManifestQueue.optional(),
  /** A limit of its own, and named limits of the deployment that its runs pass as well. */
  concurrency: z
    .object({ inline: LimitShape.optional(), limits: z.array(limitName).max(2).optional() })
    .optional(),
  schedule: ManifestSchedule.optional(),
  machine: z.enum(machineNames).optional(),
  /** Only agents with all of these labels take its runs. */
  labels: RunLabels.optional(),
  /** Units: seconds of execution, waits excluded; null = unlimited. */
  maxDuration: z.number().min(5).nullish(),
  /** A duration text or seconds. */
  ttl: z.union([z.string(), z.int()]).optional(),
  payloadSchema: z.unknown().optional(),
  /** The task of the same bundle that is told of ends which no process of this one could tell it of. */
  finaliser: z.string().min(1).max(128).optional(),
});
export type ManifestTask = z.infer<typeof ManifestTask>;

/** An executor may serve so many runs, one after the other, instead of one. */
export const KeepAlive = z.object({ maxExecutions: z.int().min(1).max(1_000_000) });
export type KeepAlive = z.infer<typeof KeepAlive>;

/** An image as an engine knows it: `registry/name:tag`, perhaps with `@sha256:…`. */
export const ImageName = z
  .string()
  .max(255)
  .regex(/^[a-z0-9][\w./:@-]*$/i, "must be the name of an image");

/** Packages that the code imports but does not contain, as an archive of their own: it changes less often than the code. */
export const BundleLayer = z.object({
  /** SHA-256 of the archive, lower-case hex: it is stored and fetched like a bundle. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.int().min(0),
});
export type BundleLayer = z.infer<typeof BundleLayer>;

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
  /** Queues that the code declares; a trigger may name one that no task has. */
  queues: z.array(ManifestQueue).max(1_000).optional(),
  /** Named limits that tasks may share. */
  limits: z.array(ManifestLimit).max(1_000).optional(),
  /** Unpacked beside the code, in this order. */
  layers: z.array(BundleLayer).max(8).optional(),
  /** The image whose containers its runs need. Absent: the agent's own. */
  image: ImageName.optional(),
  /** Absent: every run gets a process of its own. */
  processKeepAlive: KeepAlive.optional(),
});
export type BundleManifest = z.infer<typeof BundleManifest>;
