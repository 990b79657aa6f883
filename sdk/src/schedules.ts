import type { Schedule as ScheduleOnWire } from "@longshore/shared/contract/schedules";
import { ambientApi } from "./configure.ts";
import type { Api } from "./http/api.ts";
import { listOffsetPages, type OffsetPagePromise, type OffsetQuery } from "./http/offset-pages.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { scheduleTask } from "./schedule-task.ts";
import { type WithDates, withDates } from "./wire-dates.ts";

/** A schedule. `nextRun` is the tick, `nextRunEffectiveAt` when it is triggered. */
export type Schedule = WithDates<ScheduleOnWire, "nextRun" | "nextRunEffectiveAt">;

/** What a schedule may be changed to. `cron` has five fields; `timezone` is of the IANA database, UTC by default. */
export type UpdateScheduleOptions = {
  /** Id of a scheduled task. */
  task: string;
  cron: string;
  timezone?: string | undefined;
  /** Comes back in the payload: which of your users or things it is for. */
  externalId?: string | undefined;
  /** Each tick fires at a fixed place within this time after it: 30m, 2h, 30%. */
  window?: string | undefined;
};

/** The same `deduplicationKey` again changes the schedule that has it. */
export type CreateScheduleOptions = UpdateScheduleOptions & { deduplicationKey: string };

const scheduleSchema = recordDecoder<ScheduleOnWire>("a schedule", ["id", "task", "active", "generator"]);
const idSchema = recordDecoder<{ id: string }>("a schedule's answer", ["id"]);
const zonesSchema = recordDecoder<{ timezones: string[] }>("the list of timezones", ["timezones"]);

const read = (wire: unknown): Schedule =>
  withDates(scheduleSchema.parse(wire), ["nextRun", "nextRunEffectiveAt"]);
const readSchema = { parse: read };

const pathOf = (id: string, rest = ""): string => `/api/v1/schedules/${encodeURIComponent(id)}${rest}`;

/** The schedules of an environment. */
export type SchedulesClient = {
  create(options: CreateScheduleOptions, requestOptions?: RequestOptions): Promise<Schedule>;
  retrieve(id: string, requestOptions?: RequestOptions): Promise<Schedule>;
  update(id: string, options: UpdateScheduleOptions, requestOptions?: RequestOptions): Promise<Schedule>;
  del(id: string, requestOptions?: RequestOptions): Promise<{ id: string }>;
  activate(id: string, requestOptions?: RequestOptions): Promise<Schedule>;
  deactivate(id: string, requestOptions?: RequestOptions): Promise<Schedule>;
  list(query?: OffsetQuery, requestOptions?: RequestOptions): OffsetPagePromise<Schedule>;
  /** The zones that a schedule may name. */
  timezones(
    options?: { excludeUtc?: boolean },
    requestOptions?: RequestOptions,
  ): Promise<{ timezones: string[] }>;
};

/** Binds the noun to an API. */
export const schedulesOf = (api: () => Api): SchedulesClient => ({
  create: async (body, options) =>
    api().request(readSchema, "POST", "/api/v1/schedules", { ...callParts(options), body }),
  retrieve: async (id, options) => api().request(readSchema, "GET", pathOf(id), callParts(options)),
  update: async (id, body, options) =>
    api().request(readSchema, "PUT", pathOf(id), { ...callParts(options), body }),
  del: async (id, options) => api().request(idSchema, "DELETE", pathOf(id), callParts(options)),
  activate: async (id, options) =>
    api().request(readSchema, "POST", pathOf(id, "/activate"), callParts(options)),
  deactivate: async (id, options) =>
    api().request(readSchema, "POST", pathOf(id, "/deactivate"), callParts(options)),
  list: (query = {}, options) => listOffsetPages(api(), "/api/v1/schedules", { ...query }, read, options),
  timezones: async ({ excludeUtc } = {}, options) =>
    api().request(zonesSchema, "GET", "/api/v1/timezones", {
      ...callParts(options),
      query: { excludeUtc },
    }),
});

/** Tasks that run on a schedule (`schedules.task`), and schedules that code makes while it runs. */
export const schedules = { task: scheduleTask, ...schedulesOf(ambientApi) };
