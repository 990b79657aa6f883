import { z } from "zod";

/** `ctx` as a task receives it, frozen at the start of the attempt. Source: the feature reference, 1.1. */
export const RunContext = z.object({
  attempt: z.object({ number: z.int(), startedAt: z.string() }),
  run: z.object({
    id: z.string(),
    tags: z.array(z.string()),
    isTest: z.boolean(),
    createdAt: z.string(),
    startedAt: z.string(),
    idempotencyKey: z.string().optional(),
    maxAttempts: z.int().optional(),
    version: z.string().optional(),
    maxDuration: z.number().optional(),
    priority: z.number().optional(),
    parentTaskRunId: z.string().optional(),
    rootTaskRunId: z.string().optional(),
  }),
  task: z.object({ id: z.string(), filePath: z.string() }),
  queue: z.object({ id: z.string(), name: z.string() }),
  environment: z.object({ id: z.string(), slug: z.string(), type: z.string() }),
  organization: z.object({ id: z.string(), slug: z.string(), name: z.string() }),
  project: z.object({ id: z.string(), ref: z.string(), slug: z.string(), name: z.string() }),
  machine: z.object({ name: z.string(), cpu: z.number(), memory: z.number() }).optional(),
  deployment: z
    .object({ id: z.string(), shortCode: z.string(), version: z.string(), runtime: z.string() })
    .optional(),
});
export type RunContext = z.infer<typeof RunContext>;
