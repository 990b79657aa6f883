import type { RunLabels } from "@longshore/shared/contract/trigger";
import { sql } from "drizzle-orm";
import {
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
import { at, oneOf } from "./columns.ts";

/** Slots of an environment: runs that hold a lease, and how many may. */
export const environmentSlots = pgTable(
  "environment_slots",
  {
    environmentId: text("environment_id").primaryKey(),
    poolId: text("pool_id").notNull(),
    running: integer("running").notNull().default(0),
    /** The limit times the burst factor. */
    runningMax: integer("running_max").notNull(),
    /** What one queue of the environment may have at most. */
    concurrencyLimit: integer("concurrency_limit").notNull().default(100),
    burstFactor: doublePrecision("burst_factor").notNull().default(1),
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
    /**
     * Where its runs may execute: a place (see placeOf), empty for anywhere. Such a lane counts in the one of the same queue
     * and key without a place. The column has its name from when a place was no more than a region.
     */
    place: text("region").notNull().default(""),
    running: integer("running").notNull().default(0),
    runningMax: integer("running_max"),
    paused: boolean("paused").notNull().default(false),
    /** The place of its runs and the named limits and gates they pass, as one text. */
    limitsKey: text("limits_key").notNull().default(""),
    /** Counters that its runs take beside its own: of limit slots, and of lanes (its gates, or its own without a place). */
    counterIds: text("counter_ids").array(),
    /** A counter that had no room when the lane was last looked at: the lane stands aside until it has. */
    blockedBy: text("blocked_by"),
    hasWork: boolean("has_work").notNull().default(false),
    turnAt: at("turn_at").notNull().default(sql`app_now()`),
  },
  (t) => [
    uniqueIndex("lanes_key").on(t.queueId, t.concurrencyKey, t.limitsKey),
    index("lanes_open")
      .on(t.environmentId, t.place, t.turnAt)
      .where(
        sql`has_work and not paused and blocked_by is null and (running_max is null or running < running_max)`,
      ),
    index("lanes_blocked").on(t.blockedBy, t.place, t.turnAt).where(sql`blocked_by is not null`),
    index("lanes_idle").on(t.turnAt).where(sql`not has_work`),
    check("lanes_running", sql`${t.running} >= 0`),
  ],
);

/**
 * Places with labels that the lanes of a pool's environments have: a claim finds here those that its agent may serve.
 * Written when a lane is made, and as lasting as lanes are.
 */
export const lanePlaces = pgTable(
  "lane_places",
  {
    poolId: text("pool_id").notNull(),
    place: text("place").notNull(),
    /** One of its labels, as `name=value`: an agent without it never comes across the place. */
    label: text("label").notNull(),
    /** All that an agent must have, the region among it. */
    labels: jsonb("labels").$type<RunLabels>().notNull(),
  },
  // No other index: a plan that was made while the table was empty could walk through it.
  (t) => [primaryKey({ columns: [t.poolId, t.label, t.place] })],
);

/** A counter of a named limit: runs that hold a lease under it, in all or with one concurrency key. */
export const limitSlots = pgTable(
  "limit_slots",
  {
    id: text("id").primaryKey(),
    limitId: text("limit_id").notNull(),
    environmentId: text("environment_id").notNull(),
    isTotal: boolean("is_total").notNull(),
    concurrencyKey: text("concurrency_key").notNull().default(""),
    running: integer("running").notNull().default(0),
    runningMax: integer("running_max"),
    /** Set for this key alone, until it expires. */
    overrideMax: integer("override_max"),
    overrideExpiresAt: at("override_expires_at"),
    paused: boolean("paused").notNull().default(false),
  },
  (t) => [
    uniqueIndex("limit_slots_key").on(t.limitId, t.isTotal, t.concurrencyKey),
    index("limit_slots_override").on(t.overrideExpiresAt).where(sql`override_expires_at is not null`),
    check("limit_slots_running", sql`${t.running} >= 0`),
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
    /** That of its run; empty for the default one. */
    machine: text("machine").notNull().default(""),
    /** That of its run: nothing is started later. */
    expiresAt: at("expires_at"),
  },
  (t) => [
    index("queue_entries_lane").on(t.laneId, t.positionAt, t.runId).where(sql`agent_id is null`),
    index("queue_entries_agent").on(t.agentId, t.positionAt).where(sql`agent_id is not null`),
    // What goes on in an environment, so that nothing new takes its slot.
    index("queue_entries_going_on").on(t.environmentId, t.laneId).where(sql`agent_id is not null`),
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
    // Neither the phase nor what an agent acknowledges is indexed: both change in place.
    index("leases_agent").on(t.agentId, t.leasedAt),
    check("leases_phase", oneOf(t.phase, ["leased", "executing"])),
  ],
);
