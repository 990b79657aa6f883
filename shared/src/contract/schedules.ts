import { z } from "zod";
import { OffsetPagination } from "./queues.ts";
import { StorableText } from "./scalars.ts";

const WireDate = z.iso.datetime();

const fields = {
  task: StorableText.min(1).max(128),
  /** Five cron fields. */
  cron: z.string().min(1).max(256),
  externalId: StorableText.max(512).nullish(),
  /** A zone of the IANA database; UTC when it is left out. */
  timezone: z.string().min(1).max(64).nullish(),
  /** Each tick fires at a fixed place within this time after it: 30m, 2h, 30%. */
  window: z.string().max(16).nullish(),
};

export const CreateScheduleBody = z.object({ ...fields, deduplicationKey: StorableText.min(1).max(512) });
export type CreateScheduleBody = z.infer<typeof CreateScheduleBody>;
export const UpdateScheduleBody = z.object(fields);
export type UpdateScheduleBody = z.infer<typeof UpdateScheduleBody>;

const Generator = z.object({ type: z.literal("CRON"), expression: z.string(), description: z.string() });

/** A schedule. `nextRun` is the tick, `nextRunEffectiveAt` when it is triggered. Source: the client wire contract, 4.5. */
export const Schedule = z.object({
  id: z.string(),
  type: z.enum(["DECLARATIVE", "IMPERATIVE"]),
  task: z.string(),
  active: z.boolean(),
  deduplicationKey: z.string().optional(),
  externalId: z.string().optional(),
  generator: Generator,
  timezone: z.string(),
  window: z.string().optional(),
  nextRun: WireDate.optional(),
  nextRunEffectiveAt: WireDate.optional(),
  environments: z.array(z.object({ id: z.string(), type: z.string() })),
});
export type Schedule = z.infer<typeof Schedule>;
export const ScheduleList = z.object({ data: z.array(Schedule), pagination: OffsetPagination });
export type ScheduleList = z.infer<typeof ScheduleList>;
export const ScheduleIdResponse = z.object({ id: z.string() });

/** What a run says of the schedule that triggered it. */
export const RunSchedule = z.object({
  id: z.string(),
  externalId: z.string().optional(),
  deduplicationKey: z.string().optional(),
  generator: Generator,
});
export type RunSchedule = z.infer<typeof RunSchedule>;

export const TimezoneQuery = z.object({ excludeUtc: z.enum(["true", "false"]).optional() });
export const TimezoneList = z.object({ timezones: z.array(z.string()) });
export type TimezoneList = z.infer<typeof TimezoneList>;
