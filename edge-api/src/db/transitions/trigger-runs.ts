import type { PacketType } from "@longshore/shared/contract/packets";
import { RunState } from "@longshore/shared/contract/run-status";
import type { RunLabels } from "@longshore/shared/contract/trigger";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { type TriggerKeys, triggerStatement } from "./trigger-statement.ts";

/** One trigger, its options resolved. Units: times in ISO 8601, `ttlMs` in milliseconds, `priority` in seconds. */
export type TriggerItem = {
  id: string;
  environmentId: string;
  task: string;
  queue: string | null;
  concurrencyKey: string;
  laneId: string;
  /** Named limits, in place of those of the task. */
  limits: string[] | null;
  gates: { queue: string; concurrencyKey: string | null }[] | null;
  /** The gates as one text: the same for the same gates. */
  gatesKey: string | null;
  payload: string | null;
  payloadType: PacketType;
  delayUntil: string | null;
  ttlMs: number | null;
  priority: number;
  debounceKey: string | null;
  idempotencyKey: string | null;
  idempotencyExpiresAt: string | null;
  requestKey: string | null;
  parentRunId: string | null;
  resumeParent: boolean;
  waitPointId: string;
  lockVersion: string | null;
  externalDeploymentId: string | null;
  maxAttempts: number | null;
  machine: string | null;
  maxDurationS: number | null;
  tags: string[];
  metadata: Record<string, unknown> | null;
  isTest: boolean;
  triggerFunction: string;
  batchId: string | null;
  batchIndex: number | null;
  scheduleId: string | null;
  bulkActionId: string | null;
  replayedFromId: string | null;
  region: string | null;
  /** What its agent must have beside the region, over what its task asks for; null for nothing. */
  labels: RunLabels | null;
  idempotencyOptions: { key: string; scope: string } | null;
};

const Outcome = z.object({
  ord: z.int(),
  kind: z.enum([
    "created",
    "cached",
    "replayed",
    "task_missing",
    "version_missing",
    "queue_missing",
    "parent_missing",
    "archived",
    "lane_missing",
    "expired",
    "again",
    "placed",
  ]),
  runId: z.string().nullable(),
  state: RunState.nullable(),
  poolId: z.string().nullable(),
  queueId: z.string().nullable(),
  limitNames: z.array(z.string()),
  limitsKey: z.string(),
  /** Where the run is placed (see placeOf); empty for anywhere. */
  place: z.string(),
  /** With those of its task. */
  labels: z.record(z.string(), z.string()).nullable(),
  /** A live run of the same lane, where the queue's policy is that a new one takes its place. */
  replacedRunId: z.string().nullable(),
});
export type TriggerOutcome = z.infer<typeof Outcome>;
const Outcomes = z.array(Outcome);

/** By the keys and tags that items have, what costs nothing where there are none. */
const statements = new Map<string, string>();
const statementOf = (keys: TriggerKeys, hasTags: boolean): string => {
  const name = `${keys} ${hasTags}`;
  const known = statements.get(name) ?? triggerStatement(keys, hasTags);
  statements.set(name, known);
  return known;
};

/** All keys that the items themselves have. */
export const keysOf = (items: readonly TriggerItem[]): TriggerKeys => {
  if (items.some(({ idempotencyKey, debounceKey }) => idempotencyKey !== null || debounceKey !== null))
    return "all";
  return items.some(({ requestKey }) => requestKey !== null) ? "request" : "none";
};

/** What is null is left out: it reads the same, and most of an item is. A statement of fifty spends a sixth of its time on reading those. */
const sparse = (item: TriggerItem): Partial<TriggerItem> => {
  const members: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(item)) if (value !== null) members[name] = value;
  return members;
};

/**
 * Creates runs, each queued, delayed or waiting for a deployment, with its lane opened where it stood idle: the move `trigger` for many at once.
 *
 * Shape: one outcome for each item, in order. `cached`: a live idempotency key names an earlier run. `replayed`: this
 * very request made one before. `again`: a concurrent trigger took the key; the same call now sees its run.
 * `expired`: a key or a place is held by the queued run `runId`, which has outlived its time; after expireNamedRuns of it the same call
 * goes on. `archived`: its branch was put away. `lane_missing`: its place or limits need a lane that openLane makes. A parent that should wait for
 * a run which was there before is linked to it by waitForRun.
 * `placed`: the item needs a place (its queue's policy is skip or replace), which is given by the statement for all keys alone: nothing
 * was made.
 * Cost: one round trip, whatever the count; `keys`, at least `keysOf(items)`, is what the statement is made for.
 */
export const triggerRuns = async (
  db: Database,
  items: readonly TriggerItem[],
  keys: TriggerKeys = "all",
): Promise<TriggerOutcome[]> => {
  const hasTags = items.some(({ tags }) => tags.length > 0);
  return Outcomes.parse(await db.call(statementOf(keys, hasTags), [jsonbText(items.map(sparse))]));
};
