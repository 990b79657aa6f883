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
/** How long a schedule rests that this process cannot plan: a later release of the runtime, or a change of it, may. Units: milliseconds. */
const putOffMs = 3_600_000;

type Firing = { row: DueRow; fireMs: number; next: Tick | null; request: TriggerRequest };

const iso = (ms: number): string => new Date(ms).toISOString();

/** The payload of a scheduled run: dates arrive as dates. Source: the client wire contract, 3 and 4.5. */
const payloadOf = (row: DueRow, fireMs: number): string => {
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
const requestOf = (row: DueRow, fireMs: number): TriggerRequest => ({
  task: row.taskSlug,
  body: { payload: payloadOf(row, fireMs), options: { payloadType: "application/super+json" } },
  requestKey: `\nschedule\n${row.id}\n${fireMs}`,
  idempotencyKey: null,
  idempotencyKeyTtl: null,
  origin: { scheduleId: row.id },
});

const toFiring = (row: DueRow, nowMs: number): Firing => {
  const { cron, timezone, window } = row;
  const plan = { cron, timezone, window, seed: scheduleSeed(row.environmentId, row.deduplicationKey) };
  const { fire, next } = dueTick(plan, Date.parse(wireDate(row.nextRunAt)), nowMs);
  return { row, fireMs: fire, next, request: requestOf(row, fire) };
};

/** Each row is planned for itself: one whose zone this runtime does not know must not hold up the others. */
const planAll = (deps: Deps, rows: readonly DueRow[], nowMs: number) => {
  const firings: Firing[] = [];
  const putOff: TickEnd[] = [];
  for (const row of rows) {
    try {
      firings.push(toFiring(row, row.firedMs ?? nowMs));
    } catch (error) {
      const { id, cron, timezone, nextRunAt } = row;
      deps.log("schedule.not_planned", { scheduleId: id, cron, timezone, error: String(error) });
      putOff.push({ id, pendingAt: nextRunAt, ranAt: null, nextRunAt, fireAt: iso(nowMs + putOffMs) });
    }
  }
  return { firings, putOff };
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
      const results = await triggerAll(
        deps,
        environmentId,
        group.map(({ request }) => request),
      );
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
  const { firings, putOff } = planAll(deps, rows, nowMs);
  const fired = firings.filter(({ row }) => row.firedMs !== null);
  const ends = [
    ...putOff,
    ...fired.map((firing) => toEnd(firing, true)),
    ...(await fireAll(
      deps,
      firings.filter(({ row }) => row.firedMs === null),
    )),
  ];
  if (ends.length > 0) await advanceSchedules(deps.db, ends);
  return { more: ends.length > 0 && (rows.length === roundMax || fired.length > 0) };
};
