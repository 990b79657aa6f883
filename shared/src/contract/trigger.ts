import { z } from "zod";
import { machineNames } from "./machines.ts";
import { StorableText, TagText } from "./scalars.ts";

/** Largest trigger body that is read. Units: bytes. */
export const triggerBodyBytesMax = 3 * 1024 * 1024;

/** A name or key must be kept as it is: changed, it would be found under another one, or be the same as another. */
const text = (max: number) => StorableText.min(1).max(max);

/** Where agents are: the value of their label `region`. */
export const Region = z
  .string()
  .regex(/^[^,=\p{Cc}]{1,128}$/u, "is a name of at most 128 characters, without commas and equals signs");

/** Most labels that a run may ask its agent for. */
export const labelsMax = 8;
/** Most that the names and values of labels take together: they are part of keys. Units: bytes of UTF-8. */
const labelBytesMax = 1_024;

const labelFault = (name: string, value: string): string | null => {
  if (name === "region") return "is an option of its own: region";
  if (!/^[\w.-]{1,64}$/.test(name)) return "is a name of at most 64 letters, digits, -, _ and dots";
  return /^[^,=\p{Cc}]{1,128}$/u.test(value)
    ? null
    : "is a value of 1 to 128 characters, without commas and equals signs";
};

/**
 * Labels that an agent must have to take a run, each with exactly this value, beside the region.
 * Errors: an issue at the label that is wrong.
 */
export const RunLabels = z.record(z.string(), z.string()).superRefine((labels, ctx) => {
  const entries = Object.entries(labels);
  if (entries.length > labelsMax)
    ctx.addIssue({ code: "custom", message: `has at most ${labelsMax} labels; it has ${entries.length}` });
  const bytes = new TextEncoder().encode(entries.flat().join("")).length;
  if (bytes > labelBytesMax)
    ctx.addIssue({ code: "custom", message: `takes at most ${labelBytesMax} bytes; it takes ${bytes}` });
  for (const [name, value] of entries) {
    const fault = labelFault(name, value);
    if (fault !== null) ctx.addIssue({ code: "custom", path: [name], message: fault });
  }
});
export type RunLabels = z.infer<typeof RunLabels>;

/** Options of a trigger, as the client sends them. */
export const TriggerOptions = z.object({
  parentRunId: z.string().nullish(),
  resumeParentOnCompletion: z.boolean().optional(),
  parentBatch: z.string().optional(),
  lockToVersion: z.string().optional(),
  externalDeploymentId: text(128).nullish(),
  queue: z.object({ name: text(128) }).optional(),
  concurrency: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{1,122}$/, "is a name of letters, digits, - and _"))
    .max(2)
    .optional(),
  gates: z
    .array(z.object({ queue: text(128), concurrencyKey: text(512).optional() }))
    .max(3)
    .optional(),
  debounce: z
    .object({
      key: text(512),
      delay: z.string(),
      mode: z.enum(["leading", "trailing"]).optional(),
      maxDelay: z.string().optional(),
    })
    .optional(),
  concurrencyKey: z
    .union([StorableText.max(512), z.number()])
    .transform(String)
    .optional(),
  delay: z.union([z.string(), z.coerce.date()]).optional(),
  idempotencyKey: StorableText.max(2048).optional(),
  idempotencyKeyTTL: z.string().optional(),
  idempotencyKeyOptions: z
    .object({ key: StorableText, scope: z.enum(["run", "attempt", "global"]) })
    .optional(),
  machine: z.enum(machineNames).optional(),
  maxAttempts: z.int().min(1).max(250).optional(),
  maxDuration: z.number().min(5).optional(),
  metadata: z.unknown().optional(),
  metadataType: z.string().optional(),
  payloadType: z.string().optional(),
  payloadSize: z.int().optional(),
  tags: z.union([TagText.transform((tag) => [tag]), z.array(TagText)]).optional(),
  test: z.boolean().optional(),
  ttl: z.union([z.string(), z.int().min(0)]).optional(),
  priority: z.number().optional(),
  bulkActionId: z.string().optional(),
  /** Only agents with this label `region` take the run. */
  region: Region.optional(),
  /** Only agents with all of these labels take the run. Each replaces the task's own of that name. */
  labels: RunLabels.optional(),
});
export type TriggerOptions = z.infer<typeof TriggerOptions>;

/** Body of `POST /api/v1/tasks/:taskId/trigger`. Source: the client wire contract, 4.1. */
export const TriggerBody = z.object({
  payload: z.unknown().optional(),
  context: z.unknown().optional(),
  options: TriggerOptions.optional(),
});
export type TriggerBody = z.infer<typeof TriggerBody>;

export const TriggerResponse = z.object({ id: z.string(), isCached: z.boolean().optional() });
export type TriggerResponse = z.infer<typeof TriggerResponse>;
