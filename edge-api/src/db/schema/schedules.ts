import { sql } from "drizzle-orm";
import { boolean, check, index, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { at, createdAt, oneOf } from "./columns.ts";
import { environments } from "./places.ts";

/** A cron schedule of one environment. `next_run_at` is the tick that comes next; who advances it has fired it. */
export const schedules = pgTable(
  "schedules",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id),
    taskSlug: text("task_slug").notNull(),
    type: text("type").notNull(),
    cron: text("cron").notNull(),
    timezone: text("timezone").notNull().default("UTC"),
    window: text("window"),
    /** The caller's own, or one that we made. */
    deduplicationKey: text("deduplication_key").notNull(),
    hasOwnDeduplicationKey: boolean("has_own_deduplication_key").notNull().default(true),
    externalId: text("external_id"),
    active: boolean("active").notNull().default(true),
    /** Set only while active. */
    nextRunAt: at("next_run_at"),
    /** When that tick is to be triggered: somewhere in its window. Set only while active. */
    fireAt: at("fire_at"),
    lastRunAt: at("last_run_at"),
    createdAt: createdAt(),
    updatedAt: at("updated_at").notNull().default(sql`app_now()`),
  },
  (t) => [
    uniqueIndex("schedules_key").on(t.environmentId, t.deduplicationKey),
    index("schedules_environment").on(t.environmentId, t.id),
    index("schedules_fire").on(t.fireAt).where(sql`fire_at is not null`),
    check("schedules_type", oneOf(t.type, ["DECLARATIVE", "IMPERATIVE"])),
    check("schedules_fire_while_active", sql`${t.active} or ${t.fireAt} is null`),
  ],
);
