import { sql } from "drizzle-orm";
import { boolean, check, index, integer, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { at, oneOf } from "./columns.ts";

/** Slots of an environment: runs that hold a lease, and how many may. */
export const environmentSlots = pgTable(
  "environment_slots",
  {
    environmentId: text("environment_id").primaryKey(),
    poolId: text("pool_id").notNull(),
    running: integer("running").notNull().default(0),
    runningMax: integer("running_max").notNull(),
    paused: boolean("paused").notNull().default(false),
    turnAt: at("turn_at").notNull().default(sql`app_now()`),
  },
  (t) => [
    index("environment_slots_pool").on(t.poolId),
    check("environment_slots_running", sql`${t.running} >= 0`),
  ],
);

/** A lane: (environment, queue, concurrency key) with its maintained counts. */
export const lanes = pgTable(
  "lanes",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id").notNull(),
    queueId: text("queue_id").notNull(),
    concurrencyKey: text("concurrency_key").notNull().default(""),
    running: integer("running").notNull().default(0),
    runningMax: integer("running_max"),
    paused: boolean("paused").notNull().default(false),
    hasWork: boolean("has_work").notNull().default(false),
    turnAt: at("turn_at").notNull().default(sql`app_now()`),
  },
  (t) => [
    uniqueIndex("lanes_key").on(t.queueId, t.concurrencyKey),
    index("lanes_open")
      .on(t.environmentId, t.turnAt)
      .where(sql`has_work and not paused and (running_max is null or running < running_max)`),
    index("lanes_idle").on(t.turnAt).where(sql`not has_work`),
    check("lanes_running", sql`${t.running} >= 0`),
  ],
);

/** A run that could be claimed now if its lane and environment have room. Ordered by when it was queued, less its priority. */
export const queueEntries = pgTable(
  "queue_entries",
  {
    runId: text("run_id").primaryKey(),
    laneId: text("lane_id").notNull(),
    environmentId: text("environment_id").notNull(),
    positionAt: at("position_at").notNull(),
    /** Set for a continuation: only this agent has the process. */
    agentId: text("agent_id"),
  },
  (t) => [
    index("queue_entries_lane").on(t.laneId, t.positionAt, t.runId).where(sql`agent_id is null`),
    index("queue_entries_agent").on(t.agentId, t.positionAt).where(sql`agent_id is not null`),
  ],
);

/** An agent's right to execute a run: a slot is taken exactly while this row exists. */
export const leases = pgTable(
  "leases",
  {
    runId: text("run_id").primaryKey(),
    agentId: text("agent_id").notNull(),
    epoch: integer("epoch").notNull(),
    environmentId: text("environment_id").notNull(),
    laneId: text("lane_id").notNull(),
    phase: text("phase").notNull(),
    isContinuation: boolean("is_continuation").notNull().default(false),
    /** Whether the agent has shown that it knows of this lease; until then every answer repeats it. */
    acked: boolean("acked").notNull().default(false),
    cancelRequested: boolean("cancel_requested").notNull().default(false),
    leasedAt: at("leased_at").notNull(),
  },
  (t) => [
    index("leases_agent").on(t.agentId),
    index("leases_unstarted").on(t.leasedAt).where(sql`phase = 'leased'`),
    check("leases_phase", oneOf(t.phase, ["leased", "executing"])),
  ],
);
