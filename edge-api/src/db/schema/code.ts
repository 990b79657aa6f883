import type { RunLabels } from "@longshore/shared/contract/trigger";
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import { at, createdAt, oneOf } from "./columns.ts";
import { environments, projects } from "./places.ts";

export const bundles = pgTable(
  "bundles",
  {
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id),
    hash: text("hash").notNull(),
    sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.projectId, t.hash] })],
);

export const deployments = pgTable(
  "deployments",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id),
    version: text("version").notNull(),
    shortCode: text("short_code").notNull(),
    status: text("status").notNull(),
    bundleHash: text("bundle_hash").notNull(),
    manifest: jsonb("manifest").notNull(),
    externalId: text("external_id"),
    git: jsonb("git"),
    /** Why it failed, as the caller who failed it said. */
    error: jsonb("error"),
    deployedAt: at("deployed_at"),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("deployments_version").on(t.environmentId, t.version),
    index("deployments_external").on(t.environmentId, t.externalId).where(sql`external_id is not null`),
    check("deployments_status", oneOf(t.status, ["PENDING", "DEPLOYED", "FAILED"])),
  ],
);

export const tasks = pgTable(
  "tasks",
  {
    deploymentId: text("deployment_id")
      .notNull()
      .references(() => deployments.id),
    slug: text("slug").notNull(),
    environmentId: text("environment_id").notNull(),
    filePath: text("file_path").notNull(),
    exportName: text("export_name"),
    description: text("description"),
    queueName: text("queue_name").notNull(),
    retry: jsonb("retry").notNull(),
    machine: text("machine").notNull(),
    /** What agents must have to take its runs; null for nothing. */
    labels: jsonb("labels").$type<RunLabels>(),
    maxDurationS: doublePrecision("max_duration_s"),
    ttlMs: bigint("ttl_ms", { mode: "number" }),
    payloadSchema: jsonb("payload_schema"),
    /** Concurrency limits that its runs pass unless the trigger names others: `task/<slug>` for one of its own. */
    limitNames: text("limit_names").array().notNull().default(sql`'{}'`),
    /** Declared schedule. Shape: {cron, timezone, environments?, window?}. */
    schedule: jsonb("schedule"),
    /** The hidden task that is told of ends which its own process could not tell it of; null = it asks for none. */
    finaliser: text("finaliser"),
  },
  (t) => [primaryKey({ columns: [t.deploymentId, t.slug] })],
);

/** Parts of archives that were uploaded and not assembled yet: the store cannot be asked which of its blobs are old. */
export const bundleParts = pgTable(
  "bundle_parts",
  {
    environmentId: text("environment_id").notNull(),
    hash: text("hash").notNull(),
    /** When it was last uploaded or asked for. */
    touchedAt: at("touched_at").notNull().default(sql`app_now()`),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.hash] }), index("bundle_parts_touched").on(t.touchedAt)],
);

export const queues = pgTable(
  "queues",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id),
    name: text("name").notNull(),
    type: text("type").notNull(),
    /** What the code declares; null = as many as the environment allows. */
    concurrencyLimit: integer("concurrency_limit"),
    /** What an operator set in its place. */
    concurrencyOverride: integer("concurrency_override"),
    overriddenAt: at("overridden_at"),
    /** What a trigger does when a run of the same lane is not over: queue behind it, be it, or take its place. */
    policy: text("policy").notNull().default("queue"),
    paused: boolean("paused").notNull().default(false),
    /** When its pause or limit last changed: lanes opened at that moment are looked at once more. */
    changedAt: at("changed_at"),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("queues_name").on(t.environmentId, t.name),
    index("queues_changed").on(t.changedAt).where(sql`changed_at is not null`),
    check("queues_type", oneOf(t.type, ["task", "custom"])),
    check("queues_policy", oneOf(t.policy, ["queue", "skip", "replace"])),
  ],
);

/** A named limit that runs of several tasks share. `per_key` holds for each concurrency key, `total` for all together. */
export const concurrencyLimits = pgTable(
  "concurrency_limits",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id),
    name: text("name").notNull(),
    perKey: integer("per_key"),
    total: integer("total"),
    perKeyOverride: integer("per_key_override"),
    perKeyOverriddenAt: at("per_key_overridden_at"),
    totalOverride: integer("total_override"),
    totalOverriddenAt: at("total_overridden_at"),
    paused: boolean("paused").notNull().default(false),
    /** When its pause or a bound last changed. */
    changedAt: at("changed_at"),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("concurrency_limits_name").on(t.environmentId, t.name),
    index("concurrency_limits_changed").on(t.changedAt).where(sql`changed_at is not null`),
  ],
);
