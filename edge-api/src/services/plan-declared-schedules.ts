import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import type { DeclaredSchedule, TaskRow } from "../db/transitions/deployments.ts";
import { isTimezone } from "../domain/cron.ts";
import { type Plan, planTick, type Tick } from "../domain/schedule-plan.ts";

/** Keys of declared schedules begin so; a caller's own key may not. */
export const declaredKeyPrefix = "@declared/";

/** Where in its window a schedule fires hangs on this alone, so that deploys and upserts do not move it. */
export const scheduleSeed = (environmentId: string, deduplicationKey: string): string =>
  `${environmentId}\n${deduplicationKey}`;

/** Errors: `unprocessable` for what was fine where the deployment was made: another release of the runtime knows other zones. */
const tickOf = (task: string, plan: Plan, nowMs: number): Tick | null => {
  try {
    return planTick(plan, nowMs);
  } catch (cause) {
    const fault = isTimezone(plan.timezone)
      ? `schedule.cron "${plan.cron}" cannot be planned by this server`
      : `schedule.timezone "${plan.timezone}" is no time zone that this server knows`;
    throw new AppError("unprocessable", `Task "${task}": ${fault}; nothing was changed.`, { cause });
  }
};

/**
 * The schedules that tasks declare for this kind of environment, each with its first tick after now.
 * Errors: `unprocessable` naming the task and its zone or pattern, for a schedule that this runtime cannot plan.
 */
export const planDeclaredSchedules = (
  tasks: readonly TaskRow[],
  place: { environmentId: string; environmentType: string; nowMs: number },
): DeclaredSchedule[] =>
  tasks.flatMap(({ slug, schedule }) => {
    if (schedule === null) return [];
    const isHere =
      schedule.environments?.some((type) => type.toLowerCase() === place.environmentType) ?? true;
    if (!isHere) return [];
    const deduplicationKey = `${declaredKeyPrefix}${slug}`;
    const { cron, timezone } = schedule;
    const window = schedule.window ?? null;
    const seed = scheduleSeed(place.environmentId, deduplicationKey);
    const tick = tickOf(slug, { cron, timezone, window, seed }, place.nowMs);
    if (tick === null) return [];
    return [
      {
        id: newId("schedule"),
        taskSlug: slug,
        deduplicationKey,
        cron,
        timezone,
        window,
        nextRunAt: new Date(tick.tickMs).toISOString(),
        fireAt: new Date(tick.fireMs).toISOString(),
      },
    ];
  });
