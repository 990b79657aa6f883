import { sql } from "drizzle-orm";
import { boolean, index, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { pools } from "./places.ts";

export const agents = pgTable(
  "agents",
  {
    id: text("id").primaryKey(),
    poolId: text("pool_id")
      .notNull()
      .references(() => pools.id),
    name: text("name").notNull(),
    publicKey: text("public_key").notNull(),
    version: text("version").notNull().default(""),
    runtime: text("runtime").notNull().default(""),
    labels: jsonb("labels").notNull().default({}),
    slots: integer("slots").notNull().default(0),
    bootId: text("boot_id").notNull().default(""),
    draining: boolean("draining").notNull().default(false),
    beatAt: at("beat_at"),
    revokedAt: at("revoked_at"),
    enrolledAt: at("enrolled_at").notNull().default(sql`app_now()`),
  },
  (t) => [index("agents_pool").on(t.poolId)],
);
