import { sql } from "drizzle-orm";
import { boolean, check, index, integer, jsonb, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { at, createdAt, oneOf } from "./columns.ts";

/** Runs that were triggered together. `open_count` is what is not over yet of `run_count`. */
export const batches = pgTable(
  "batches",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id").notNull(),
    status: text("status").notNull().default("PENDING"),
    runCount: integer("run_count").notNull(),
    openCount: integer("open_count").notNull(),
    /** Items that are here: when that is all of them, the batch is sealed. */
    itemCount: integer("item_count").notNull().default(0),
    /** Items that could not be triggered. */
    failedCount: integer("failed_count").notNull().default(0),
    idempotencyKey: text("idempotency_key"),
    parentRunId: text("parent_run_id"),
    resumesParent: boolean("resumes_parent").notNull().default(false),
    /** An unsealed batch is given up then. Set only until it is sealed. */
    sealBy: at("seal_by"),
    sealedAt: at("sealed_at"),
    completedAt: at("completed_at"),
    createdAt: createdAt(),
    updatedAt: at("updated_at").notNull().default(sql`app_now()`),
  },
  (t) => [
    index("batches_environment").on(t.environmentId, t.id),
    index("batches_unsealed").on(t.sealBy).where(sql`seal_by is not null`),
    index("batches_sealed").on(t.sealedAt).where(sql`sealed_at is not null and completed_at is null`),
    check(
      "batches_status",
      oneOf(t.status, ["PENDING", "PROCESSING", "COMPLETED", "PARTIAL_FAILED", "ABORTED"]),
    ),
    check("batches_open", sql`${t.openCount} >= 0`),
  ],
);

/** One item of a batch: the run that it made or met, or why it made none. */
export const batchItems = pgTable(
  "batch_items",
  {
    batchId: text("batch_id").notNull(),
    index: integer("index").notNull(),
    taskSlug: text("task_slug").notNull(),
    runId: text("run_id"),
    /** Shape: {message, code?}. */
    error: jsonb("error"),
    /** Its run is over, and the batch has counted that. */
    isOver: boolean("is_over").notNull().default(false),
  },
  (t) => [
    primaryKey({ columns: [t.batchId, t.index] }),
    index("batch_items_run").on(t.runId).where(sql`run_id is not null`),
  ],
);

/** The same action for many runs, chosen by ids or by a filter, in steps that can be resumed. */
export const bulkActions = pgTable(
  "bulk_actions",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id").notNull(),
    name: text("name"),
    type: text("type").notNull(),
    status: text("status").notNull().default("PENDING"),
    /** Shape: {filter?, runIds?, targetRegion?}. */
    target: jsonb("target").notNull(),
    /** The last run that was handled: the next step goes on behind it. */
    cursor: text("cursor"),
    totalCount: integer("total_count").notNull().default(0),
    successCount: integer("success_count").notNull().default(0),
    failureCount: integer("failure_count").notNull().default(0),
    /** Who works on it holds it until then. Set only while pending. */
    workedUntil: at("worked_until"),
    createdAt: createdAt(),
    completedAt: at("completed_at"),
  },
  (t) => [
    index("bulk_actions_environment").on(t.environmentId, t.id),
    index("bulk_actions_open").on(t.workedUntil).where(sql`worked_until is not null`),
    check("bulk_actions_type", oneOf(t.type, ["CANCEL", "REPLAY"])),
    check("bulk_actions_status", oneOf(t.status, ["PENDING", "COMPLETED", "ABORTED"])),
  ],
);
