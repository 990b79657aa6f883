import { KeepAlive } from "@longshore/shared/contract/manifest";
import { DeploymentSignature } from "@longshore/shared/contract/signatures";
import { TaskError } from "@longshore/shared/contract/task-error";
import { z } from "zod";

const ClaimedWait = z.object({
  id: z.string(),
  kind: z.enum(["time", "run", "token", "batch"]),
  runId: z.string().nullable(),
  batchId: z.string().nullable(),
  taskIdentifier: z.string().nullable(),
  output: z.string().nullable(),
  outputType: z.string().nullable(),
  error: TaskError.nullable(),
});

/** A lease as the database tells it; services make of it what an agent receives. */
export const ClaimedLease = z.object({
  runId: z.string(),
  epoch: z.int(),
  attempt: z.int(),
  isContinuation: z.boolean(),
  task: z.string(),
  filePath: z.string().nullable(),
  payload: z.string().nullable(),
  payloadType: z.string(),
  machine: z.string(),
  maxDurationS: z.number().nullable(),
  executedMs: z.number(),
  maxAttempts: z.number().nullable(),
  tags: z.array(z.string()),
  isTest: z.boolean(),
  idempotencyKey: z.string().nullable(),
  priority: z.number(),
  parentRunId: z.string().nullable(),
  rootRunId: z.string().nullable(),
  createdAt: z.string(),
  batchId: z.string().nullable(),
  region: z.string().nullable(),
  labels: z.record(z.string(), z.string()).nullable(),
  isReplay: z.boolean(),
  idempotencyKeyScope: z.enum(["run", "attempt", "global"]).nullable().catch(null),
  metadata: z.record(z.string(), z.unknown()).nullable().catch(null),
  queue: z.object({ id: z.string(), name: z.string() }),
  deployment: z
    .object({
      id: z.string(),
      version: z.string(),
      shortCode: z.string(),
      bundleHash: z.string(),
      entry: z.string(),
      runtimeVersion: z.string().nullable(),
      keepAlive: KeepAlive.nullable(),
      image: z.string().nullable(),
      signature: DeploymentSignature.nullable(),
    })
    .nullable(),
  environment: z.object({ id: z.string(), slug: z.string(), type: z.string() }),
  project: z.object({ id: z.string(), ref: z.string(), slug: z.string(), name: z.string() }),
  organization: z.object({ id: z.string(), slug: z.string(), name: z.string() }),
  waits: z.array(ClaimedWait),
});
export type ClaimedLease = z.infer<typeof ClaimedLease>;

/** What a claim answers: leases and orders, or why there are none for this agent. */
export const Claim = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("missing") }),
  z.object({ kind: z.literal("revoked") }),
  z.object({ kind: z.literal("superseded") }),
  z.object({
    kind: z.literal("claimed"),
    poolId: z.string(),
    draining: z.boolean(),
    leases: z.array(ClaimedLease),
    orders: z.array(
      z.object({
        kind: z.enum(["cancel", "stop"]),
        runId: z.string(),
        epoch: z.int(),
        reason: z.string(),
      }),
    ),
    /** Lanes that this claim believes to be empty or without room now; settleLanes looks again. */
    emptied: z.array(z.string()),
    /** Whether a lane was found without room under a named limit and gave its turn to others, or was called back to it. */
    asideChanged: z.boolean(),
    /** Whether runs too large for the agent's room were all that was looked at in some lanes, and others may be left. */
    passedOver: z.boolean(),
    /** Whether nothing was taken, and there is work that another agent may have the labels or the room for. */
    forOthers: z.boolean(),
    /** Whether open lanes with work remain. */
    more: z.boolean(),
    /** From now by the database's clock, so that the caller's may differ. Units: milliseconds. */
    nextDueInMs: z.number().nullable(),
  }),
]);
export type Claim = z.infer<typeof Claim>;
