import { z } from "zod";
import { StorableText } from "./scalars.ts";

const WireDate = z.iso.datetime();

/** Largest limit that is accepted. Units: runs at once. */
const LimitValue = z.int().min(0).max(100_000);

/** Query of a list that pages by number. Source: the client wire contract, 1.5. */
export const OffsetQuery = z.object({
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  perPage: z.coerce.number().int().min(1).max(100).default(25),
});
export const OffsetPagination = z.object({ currentPage: z.int(), totalPages: z.int(), count: z.int() });

/** How a queue is named in the path: by its id, as a task's own, or as one that the code declares. */
const QueueReference = z.enum(["id", "task", "custom"]).default("id");
export const QueueQuery = z.object({ type: QueueReference });
export type QueueQuery = z.infer<typeof QueueQuery>;

export const PauseQueueBody = z.object({ type: QueueReference, action: z.enum(["pause", "resume"]) });
export const OverrideQueueBody = z.object({ type: QueueReference, concurrencyLimit: LimitValue });
export const ResetQueueBody = z.object({ type: QueueReference });

/** A queue. `current` is what holds now: the override or the declared limit, within the environment's. */
export const QueueItem = z.object({
  id: z.string(),
  name: z.string(),
  type: z.enum(["task", "custom"]),
  running: z.int(),
  queued: z.int(),
  paused: z.boolean(),
  concurrencyLimit: z.int().nullable(),
  version: z.literal("V1"),
  concurrency: z.object({
    current: z.int().nullable(),
    base: z.int().nullable(),
    override: z.int().nullable(),
    overriddenAt: WireDate.nullable(),
    overriddenBy: z.null(),
  }),
});
export type QueueItem = z.infer<typeof QueueItem>;
export const QueueList = z.object({ data: z.array(QueueItem), pagination: OffsetPagination });
export type QueueList = z.infer<typeof QueueList>;

/** What an environment runs at once: `limit` for one queue at most, `limit × burstFactor` in all. */
export const EnvironmentConcurrency = z.object({
  limit: z.int(),
  burstFactor: z.number(),
  runningMax: z.int(),
  running: z.int(),
  paused: z.boolean(),
});
export type EnvironmentConcurrency = z.infer<typeof EnvironmentConcurrency>;

export const SetEnvironmentConcurrencyBody = z
  .strictObject({ limit: LimitValue.optional(), burstFactor: z.number().min(1).max(100).optional() })
  .refine((body) => body.limit !== undefined || body.burstFactor !== undefined, {
    message: "Give at least one of limit and burstFactor",
  });
export const PauseEnvironmentBody = z.object({ action: z.enum(["pause", "resume"]) });

const Bound = z.object({
  current: z.int().nullable(),
  base: z.int().nullable(),
  override: z.int().nullable(),
  overriddenAt: WireDate.nullable(),
});

/** A named limit. `perKey` holds for each concurrency key, `total` for all runs under it. */
export const ConcurrencyLimitItem = z.object({
  id: z.string(),
  name: z.string(),
  perKey: Bound,
  total: Bound,
  running: z.int(),
  queued: z.int(),
  paused: z.boolean(),
});
export type ConcurrencyLimitItem = z.infer<typeof ConcurrencyLimitItem>;
export const ConcurrencyLimitList = z.object({
  data: z.array(ConcurrencyLimitItem),
  pagination: OffsetPagination,
});
export type ConcurrencyLimitList = z.infer<typeof ConcurrencyLimitList>;

/** The same limit as it holds for one concurrency key. */
export const ConcurrencyLimitKeyItem = z.object({
  name: z.string(),
  concurrencyKey: z.string(),
  perKey: z.object({
    current: z.int().nullable(),
    base: z.int().nullable(),
    override: z.int().nullable(),
    expiresAt: WireDate.nullable(),
  }),
  running: z.int(),
  paused: z.boolean(),
});
export type ConcurrencyLimitKeyItem = z.infer<typeof ConcurrencyLimitKeyItem>;

const ConcurrencyKey = z.union([z.string(), z.number()]).transform(String).pipe(StorableText.min(1).max(128));

export const LimitQuery = z.object({ concurrencyKey: ConcurrencyKey.optional() });

/** The limit's own bounds, or the bound of one key for a while: told apart by `concurrencyKey`. */
export const OverrideLimitBody = z
  .object({
    perKey: LimitValue.optional(),
    total: LimitValue.optional(),
    concurrencyKey: ConcurrencyKey.optional(),
    /** A duration such as 7d, or seconds. */
    ttl: z.union([z.string(), z.int().positive()]).optional(),
  })
  .superRefine((body, ctx) => {
    const refuse = (field: string, message: string) =>
      ctx.addIssue({ code: "custom", path: [field], message });
    if (body.concurrencyKey === undefined) {
      if (body.ttl !== undefined) refuse("ttl", "needs a concurrencyKey: only a key's override expires");
      if (body.perKey === undefined && body.total === undefined) refuse("perKey", "give perKey or total");
      return;
    }
    if (body.perKey === undefined) refuse("perKey", "a key's override needs it");
    if (body.total !== undefined) refuse("total", "is not per key");
  });
export type OverrideLimitBody = z.infer<typeof OverrideLimitBody>;

export const PauseLimitBody = z.object({ action: z.enum(["pause", "resume"]) });
export const ResetLimitBody = z.object({ concurrencyKey: ConcurrencyKey.optional() });
