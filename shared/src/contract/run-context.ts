import { z } from "zod";

/** A newer API may say more than an agent of today knows; it passes it on, and the types do not promise it. */
const open = <T extends z.ZodRawShape>(shape: T): z.ZodObject<T> =>
  z.looseObject(shape) as unknown as z.ZodObject<T>;

/**
 * `ctx` as a task receives it, frozen at the start of the attempt. Source: the feature reference, 1.1.
 * Units: durations in milliseconds of execution, `maxDuration` in seconds, `memory` in GB.
 */
export const RunContext = open({
  attempt: open({ number: z.int(), startedAt: z.string() }),
  run: open({
    id: z.string(),
    tags: z.array(z.string()),
    isTest: z.boolean(),
    isReplay: z.boolean().optional(),
    createdAt: z.string(),
    startedAt: z.string(),
    idempotencyKey: z.string().optional(),
    idempotencyKeyScope: z.enum(["run", "attempt", "global"]).optional(),
    maxAttempts: z.int().optional(),
    version: z.string().optional(),
    maxDuration: z.number().optional(),
    priority: z.number().optional(),
    /** What earlier attempts took. */
    durationMs: z.number().optional(),
    costInCents: z.number().optional(),
    baseCostInCents: z.number().optional(),
    parentTaskRunId: z.string().optional(),
    rootTaskRunId: z.string().optional(),
    region: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    /** As it was when the attempt began. */
    metadata: z.record(z.string(), z.unknown()).optional(),
  }),
  task: open({ id: z.string(), filePath: z.string() }),
  queue: open({ id: z.string(), name: z.string() }),
  environment: open({ id: z.string(), slug: z.string(), type: z.string() }),
  organization: open({ id: z.string(), slug: z.string(), name: z.string() }),
  project: open({ id: z.string(), ref: z.string(), slug: z.string(), name: z.string() }),
  machine: open({ name: z.string(), cpu: z.number(), memory: z.number() }).optional(),
  batch: open({ id: z.string() }).optional(),
  deployment: open({
    id: z.string(),
    shortCode: z.string(),
    version: z.string(),
    runtime: z.string(),
    runtimeVersion: z.string().optional(),
  }).optional(),
});
export type RunContext = z.infer<typeof RunContext>;
