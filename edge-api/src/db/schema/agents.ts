import { sql } from "drizzle-orm";
import { boolean, doublePrecision, index, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
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
    /** What it may give to its runs together; null for one that counts runs only. */
    cpus: doublePrecision("cpus"),
    memoryMb: integer("memory_mb"),
    bootId: text("boot_id").notNull().default(""),
    draining: boolean("draining").notNull().default(false),
    /** The agent's own word, asked for on its host: `draining` is the operator's. */
    drainsItself: boolean("drains_itself").notNull().default(false),
    warm: integer("warm").notNull().default(0),
    lastError: text("last_error"),
    lastErrorAt: at("last_error_at"),
    /** Why it takes no runs, or fewer than it has slots. */
    heldBack: text("held_back"),
    beatAt: at("beat_at"),
    /** How long its leases stand without a beat, where it asked for longer than the API's own. Units: milliseconds. */
    leaseMs: integer("lease_ms"),
    /** Until when it was ever told that they stand, and a margin: no one else gets its runs before. Never moves back. */
    leasesUntil: at("leases_until"),
    revokedAt: at("revoked_at"),
    enrolledAt: at("enrolled_at").notNull().default(sql`app_now()`),
  },
  (t) => [index("agents_pool").on(t.poolId)],
);
