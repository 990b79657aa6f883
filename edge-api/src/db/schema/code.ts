import {
  bigint,
  boolean,
  check,
  doublePrecision,
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
    deployedAt: at("deployed_at"),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("deployments_version").on(t.environmentId, t.version),
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
    maxDurationS: doublePrecision("max_duration_s"),
    ttlMs: bigint("ttl_ms", { mode: "number" }),
    payloadSchema: jsonb("payload_schema"),
  },
  (t) => [primaryKey({ columns: [t.deploymentId, t.slug] })],
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
    concurrencyLimit: integer("concurrency_limit"),
    paused: boolean("paused").notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("queues_name").on(t.environmentId, t.name),
    check("queues_type", oneOf(t.type, ["task", "custom"])),
  ],
);
