import type { ManifestSchedule } from "@longshore/shared/contract/manifest";
import { defineTask, type ErasedOptions } from "./define-task.ts";
import { type Task, taskHandle } from "./task-handle.ts";
import type { CommonTaskOptions } from "./task-options.ts";

/** What a scheduled run receives. `timezone` is that of the schedule; dates are moments, whatever the zone. */
export type ScheduledTaskPayload = {
  type: "DECLARATIVE" | "IMPERATIVE";
  /** The tick that this run is for. */
  timestamp: Date;
  /** The tick before it that was triggered. */
  lastTimestamp?: Date;
  timezone: string;
  scheduleId: string;
  externalId?: string;
  /** The next ticks, up to 10. */
  upcoming: Date[];
};

type EnvironmentType = "DEVELOPMENT" | "STAGING" | "PREVIEW" | "PRODUCTION";

/**
 * When a task is triggered by itself: five cron fields, in UTC, or with more said. `window` spreads runs: each tick fires
 * at a fixed place within that time after it ("30m", "2h", "30%"). Without `environments` it holds in all of them.
 */
export type Cron =
  | string
  | { pattern: string; timezone?: string; environments?: EnvironmentType[]; window?: string };

/** A task that a schedule triggers; without `cron` it is one for schedules that are made through the API. */
export type ScheduleTaskOptions<
  TId extends string,
  TOutput,
  TInit = unknown,
  THookOutput = TOutput,
> = CommonTaskOptions<TId, ScheduledTaskPayload, TOutput, TInit, ScheduledTaskPayload, THookOutput> & {
  cron?: Cron;
};

const scheduleOf = (id: string, cron: Cron): ManifestSchedule => {
  const {
    pattern,
    timezone = "UTC",
    environments,
    window,
  } = typeof cron === "string" ? { pattern: cron } : cron;
  if (typeof pattern !== "string" || pattern.trim().split(/\s+/).length !== 5) {
    throw new TypeError(
      `task "${id}": cron needs five fields, such as "0 9 * * 1-5"; it is ${JSON.stringify(pattern)}`,
    );
  }
  return {
    cron: pattern.trim(),
    timezone,
    ...(environments === undefined ? {} : { environments }),
    ...(window === undefined ? {} : { window }),
  };
};

const toDate = (value: unknown): unknown => (typeof value === "string" ? new Date(value) : value);

/** A run that was triggered by hand or as a test may bring its dates as text. */
const withDates = (payload: unknown): unknown => {
  if (typeof payload !== "object" || payload === null) return payload;
  const { timestamp, lastTimestamp, upcoming, ...rest } = payload as Record<string, unknown>;
  return {
    ...rest,
    ...(timestamp === undefined ? {} : { timestamp: toDate(timestamp) }),
    ...(lastTimestamp === undefined || lastTimestamp === null
      ? {}
      : { lastTimestamp: toDate(lastTimestamp) }),
    upcoming: Array.isArray(upcoming) ? upcoming.map(toDate) : [],
  };
};

/** Defines a task that runs on a schedule: `schedules.task`. Errors: as `task`; TypeError for a cron that is none. */
export const scheduleTask = <TId extends string, TOutput = unknown, TInit = unknown, THookOutput = TOutput>(
  options: ScheduleTaskOptions<TId, TOutput, TInit, THookOutput>,
): Task<TId, ScheduledTaskPayload, TOutput> => {
  const { id, cron, description } = options;
  defineTask(options as unknown as ErasedOptions, {
    options: ["cron"],
    parse: async (payload) => withDates(payload),
    ...(cron === undefined ? {} : { schedule: scheduleOf(id, cron) }),
  });
  return taskHandle<TId, ScheduledTaskPayload, TOutput>(id, { description });
};
