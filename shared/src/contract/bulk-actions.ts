import { z } from "zod";
import { machineNames } from "./machines.ts";
import { runStatuses } from "./run-status.ts";
import { Pagination } from "./runs.ts";
import { EpochMs, StorableText } from "./scalars.ts";
import { Region, TriggerOptions } from "./trigger.ts";

const WireDate = z.iso.datetime();
const Text = StorableText.min(1).max(512);

const list = <T extends z.ZodType<string>>(schema: T) =>
  z.union([schema.transform((one) => [one]), z.array(schema).min(1).max(100)]);

/** A date or its milliseconds. */
const Moment = z
  .union([z.number(), z.iso.datetime({ offset: true })])
  .transform((at): unknown => (typeof at === "string" ? Date.parse(at) : at))
  .pipe(EpochMs);

/** Which runs: the filters of the run list. A name that is none must not widen them. Source: the client wire contract, 4.4. */
const BulkFilter = z
  .strictObject({
    status: list(z.enum(runStatuses)).optional(),
    taskIdentifier: list(Text).optional(),
    version: list(Text).optional(),
    tag: list(Text).optional(),
    queue: z
      .union([
        z.object({ type: z.enum(["task", "custom"]), name: Text }).transform((one) => [one]),
        z
          .array(z.object({ type: z.enum(["task", "custom"]), name: Text }))
          .min(1)
          .max(100),
      ])
      .optional(),
    machine: list(z.enum(machineNames)).optional(),
    region: list(Text).optional(),
    bulkAction: Text.optional(),
    schedule: Text.optional(),
    batch: Text.optional(),
    isTest: z.boolean().optional(),
    from: Moment.optional(),
    to: Moment.optional(),
    period: z.string().min(1).optional(),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    message: "name at least one filter",
  });
export type BulkFilter = z.infer<typeof BulkFilter>;

export const CreateBulkActionBody = z
  .strictObject({
    action: z.enum(["cancel", "replay"]),
    filter: BulkFilter.optional(),
    runIds: z.array(Text).min(1).max(500).optional(),
    name: z.string().max(255).optional(),
    /** Where replays run. */
    targetRegion: Region.optional(),
  })
  .superRefine((body, ctx) => {
    if ((body.filter === undefined) === (body.runIds === undefined))
      ctx.addIssue({ code: "custom", path: ["filter"], message: "give exactly one of filter and runIds" });
    if (body.action === "cancel" && body.targetRegion !== undefined)
      ctx.addIssue({ code: "custom", path: ["targetRegion"], message: "is for replays only" });
  });
export type CreateBulkActionBody = z.infer<typeof CreateBulkActionBody>;

export const BulkAction = z.object({
  id: z.string(),
  name: z.string().optional(),
  type: z.enum(["CANCEL", "REPLAY"]),
  status: z.enum(["PENDING", "COMPLETED", "ABORTED"]),
  counts: z.object({ total: z.int(), success: z.int(), failure: z.int() }),
  createdAt: WireDate,
  completedAt: WireDate.optional(),
});
export type BulkAction = z.infer<typeof BulkAction>;
export const BulkActionList = z.object({ data: z.array(BulkAction), pagination: Pagination });
export type BulkActionList = z.infer<typeof BulkActionList>;
export const BulkActionIdResponse = z.object({ id: z.string() });

export const BulkActionListQuery = z.object({
  "page[size]": z.coerce.number().int().min(1).max(100).default(25),
  "page[after]": z.string().optional(),
  "page[before]": z.string().optional(),
});

const options = TriggerOptions.shape;

/** Body of `POST /api/v1/runs/:id/replay`: what the new run has in place of the old one's. */
export const ReplayRunBody = z
  .strictObject({
    payload: z.unknown().optional(),
    payloadType: z.enum(["application/json", "application/super+json"]).optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    tags: options.tags,
    queue: StorableText.min(1).max(128).optional(),
    concurrencyKey: options.concurrencyKey,
    machine: options.machine,
    version: z.string().min(1).optional(),
    region: options.region,
    labels: options.labels,
    delay: options.delay,
    ttl: options.ttl,
    idempotencyKey: options.idempotencyKey,
    idempotencyKeyTTL: options.idempotencyKeyTTL,
    maxAttempts: options.maxAttempts,
    maxDuration: options.maxDuration,
    priority: options.priority,
  })
  .refine((body) => body.payloadType !== "application/super+json" || typeof body.payload === "string", {
    path: ["payload"],
    message: "must be a text when payloadType is application/super+json",
  });
export type ReplayRunBody = z.infer<typeof ReplayRunBody>;
