import { type DueRow, findDueSchedules } from "../db/queries/list-schedules.ts";
import { advanceSchedules, type TickEnd } from "../db/transitions/schedules.ts";
import { nextTicks } from "../domain/cron.ts";
import { dueTick, type Tick } from "../domain/schedule-plan.ts";
import type { Deps } from "./deps.ts";
import { scheduleSeed } from "./plan-declared-schedules.ts";
import type { TriggerRequest } from "./to-trigger-item.ts";
import { wireDate } from "./wire-date.ts";
import { type TriggerResult, triggerAll } from "./write-triggers.ts";

/** Schedules that one round fires, and dates that a payload looks ahead. */
const roundMax = 100;
const upcomingCount = 10;

type Firing = { row: DueRow; fireMs: number; next: Tick | null };

const iso = (ms: number): string => new Date(ms).toISOString();

/** The payload of a scheduled run: dates arrive as dates. Source: the client wire contract, 3 and 4.5. */
const payloadOf = ({ row, fireMs }: Firing): string => {
  const upcoming = nextTicks(row, fireMs, upcomingCount).map(iso);
  const json = {
    type: row.type,
    timestamp: iso(fireMs),
    ...(row.lastRunAt === null ? {} : { lastTimestamp: wireDate(row.lastRunAt) }),
    timezone: row.timezone,
    scheduleId: row.id,
    ...(row.externalId === null ? {} : { externalId: row.externalId }),
    upcoming,
  };
  const dates = [
    "timestamp",
    ...(row.lastRunAt === null ? [] : ["lastTimestamp"]),
    ...upcoming.map((_, index) => `upcoming.${index}`),
  ];
  return JSON.stringify({
    json,
    meta: { values: Object.fromEntries(dates.map((path) => [path, ["Date"]])) },
  });
};

/** One tick is one request, whoever sends it: a key that no header can spell, and that a failed run does not release. */
const requestOf = (firing: Firing): TriggerRequest => ({
  task: firing.row.taskSlug,
  body: { payload: payloadOf(firing), options: { payloadType: "application/super+json" } },
  requestKey: `\nschedule\n${firing.row.id}\n${firing.fireMs}`,
  idempotencyKey: null,
  idempotencyKeyTtl: null,
  origin: { scheduleId: firing.row.id },
});

const toFiring = (row: DueRow, nowMs: number): Firing => {
  const { cron, timezone, window } = row;
  const plan = { cron, timezone, window, seed: scheduleSeed(row.environmentId, row.deduplicationKey) };
  const { fire, next } = dueTick(plan, Date.parse(wireDate(row.nextRunAt)), nowMs);
  return { row, fireMs: fire, next };
};

const toEnd = ({ row, fireMs, next }: Firing, isFired: boolean): TickEnd => ({
  id: row.id,
  pendingAt: row.nextRunAt,
  ranAt: isFired ? iso(fireMs) : null,
  nextRunAt: next === null ? null : iso(next.tickMs),
  fireAt: next === null ? null : iso(next.fireMs),
});

/** What a trigger's result leaves to do: a refusal ends the tick and is logged, an obstacle leaves it for the next round. */
const endOf = (deps: Deps, firing: Firing, result: TriggerResult | undefined): TickEnd | null => {
  if (result?.kind === "ok") return toEnd(firing, true);
  const { id, taskSlug } = firing.row;
  if (result === undefined || result.error.status >= 500) return null;
  deps.log("schedule.not_fired", { scheduleId: id, task: taskSlug, error: result.error.message });
  return toEnd(firing, false);
};

const fireAll = async (deps: Deps, firings: readonly Firing[]): Promise<TickEnd[]> => {
  const places = new Map<string, Firing[]>();
  for (const firing of firings) {
    const { environmentId } = firing.row;
    places.set(environmentId, [...(places.get(environmentId) ?? []), firing]);
  }
  const ends = await Promise.all(
    [...places].map(async ([environmentId, group]) => {
      const results = await triggerAll(deps, environmentId, group.map(requestOf));
      return group.map((firing, nth) => endOf(deps, firing, results[nth]));
    }),
  );
  return ends.flat().filter((end) => end !== null);
};

/**
 * Fires the ticks that are due, each exactly once however many processes try: all of them send the same request, and
 * only the first one's makes a run. A process that dies after it leaves a run behind, which the next one finds.
 *
 * Shape: whether there may be more. Cost: a statement when nothing is due; about four for each hundred ticks.
 */
export const fireSchedules = async (deps: Deps): Promise<{ more: boolean }> => {
  const { nowMs, rows } = await findDueSchedules(deps.db, roundMax);
  if (rows.length === 0) return { more: false };
  const fired = rows.filter(({ firedMs }) => firedMs !== null);
  const firings = rows.filter(({ firedMs }) => firedMs === null).map((row) => toFiring(row, nowMs));
  const ends = [
    ...fired.map((row) => toEnd(toFiring(row, row.firedMs ?? nowMs), true)),
    ...(await fireAll(deps, firings)),
  ];
  if (ends.length > 0) await advanceSchedules(deps.db, ends);
  return { more: ends.length > 0 && (rows.length === roundMax || fired.length > 0) };
};
