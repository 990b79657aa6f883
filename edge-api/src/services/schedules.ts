import type {
  CreateScheduleBody,
  Schedule,
  ScheduleList,
  UpdateScheduleBody,
} from "@longshore/shared/contract/schedules";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { findSchedule, listSchedules, type ScheduleRow } from "../db/queries/list-schedules.ts";
import * as rows from "../db/transitions/schedules.ts";
import { cronFault, isTimezone } from "../domain/cron.ts";
import { describeCron } from "../domain/describe-cron.ts";
import { type Plan, parseWindow, planTick } from "../domain/schedule-plan.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { offsetPage } from "./offset-page.ts";
import { declaredKeyPrefix, scheduleSeed } from "./plan-declared-schedules.ts";
import { wakeAfter } from "./wake.ts";
import { wireDate } from "./wire-date.ts";

const serialise = (row: ScheduleRow): Schedule => ({
  id: row.id,
  type: row.type,
  task: row.taskSlug,
  active: row.active,
  ...(row.hasOwnDeduplicationKey ? { deduplicationKey: row.deduplicationKey } : {}),
  ...(row.externalId === null ? {} : { externalId: row.externalId }),
  generator: { type: "CRON", expression: row.cron, description: describeCron(row.cron) },
  timezone: row.timezone,
  ...(row.window === null ? {} : { window: row.window }),
  ...(row.nextRunAt === null ? {} : { nextRun: wireDate(row.nextRunAt) }),
  ...(row.fireAt === null ? {} : { nextRunEffectiveAt: wireDate(row.fireAt) }),
  environments: [{ id: row.environmentId, type: row.environmentType.toUpperCase() }],
});

const requireRight = (principal: Principal, action: "read" | "write", id?: string): void =>
  requireScope(principal, action, [{ type: "schedules", ...(id === undefined ? {} : { id }) }]);

const missing = () => new AppError("not_found", "Schedule not found", { shouldRetry: false });
const refuse = (message: string) => new AppError("unprocessable", message);

/** Errors: `unprocessable` naming the field. */
const checkTimes = (cron: string, timezone: string, window: string | null): void => {
  const fault = cronFault(cron);
  if (fault !== null) throw refuse(`cron "${cron}" ${fault}.`);
  if (!isTimezone(timezone)) throw refuse(`timezone "${timezone}" is no IANA time zone.`);
  if (window !== null && parseWindow(window) === null)
    throw refuse(
      `window "${window}" is neither a time such as 30m or 2h (24h at most) nor a share such as 30%.`,
    );
};

const ticksOf = (plan: Plan, nowMs: number): { nextRunAt: string; fireAt: string } => {
  const tick = planTick(plan, nowMs);
  if (tick === null) throw refuse(`cron "${plan.cron}" names a date that never comes.`);
  return { nextRunAt: new Date(tick.tickMs).toISOString(), fireAt: new Date(tick.fireMs).toISOString() };
};

const contentOf = (
  environmentId: string,
  deduplicationKey: string,
  body: UpdateScheduleBody,
  found: { nowMs: number; hasTask: boolean },
): rows.ScheduleContent => {
  const cron = body.cron.trim();
  const timezone = body.timezone ?? "UTC";
  const window = body.window ?? null;
  checkTimes(cron, timezone, window);
  if (!found.hasTask) throw refuse(`task "${body.task}" is not in this environment's current deployment.`);
  const seed = scheduleSeed(environmentId, deduplicationKey);
  return {
    environmentId,
    taskSlug: body.task,
    cron,
    timezone,
    window,
    externalId: body.externalId ?? null,
    ...ticksOf({ cron, timezone, window, seed }, found.nowMs),
  };
};

/** Parked polls must hear of a tick that comes before what they wait for. */
const wake = (deps: Deps, environmentId: string): Promise<void> =>
  wakeAfter(deps, { environmentIds: [environmentId], agentIds: [] });

/** `POST /api/v1/schedules`: the same key again changes the schedule. Errors: `forbidden`, `unprocessable`. */
export const createSchedule = async (
  deps: Deps,
  principal: Principal,
  body: CreateScheduleBody,
): Promise<Schedule> => {
  requireRight(principal, "write");
  const { environmentId } = principal;
  const { deduplicationKey } = body;
  if (deduplicationKey.startsWith(declaredKeyPrefix))
    throw refuse(`deduplicationKey may not begin with "${declaredKeyPrefix}".`);
  const found = await findSchedule(deps.db, environmentId, null, body.task);
  const content = contentOf(environmentId, deduplicationKey, body, found);
  const row = await rows.saveSchedule(deps.db, { ...content, id: newId("schedule"), deduplicationKey });
  await wake(deps, environmentId);
  return serialise(row);
};

const getSchedule = async (
  deps: Deps,
  principal: Principal,
  id: string,
  task: string | null,
): Promise<{ nowMs: number; hasTask: boolean; schedule: ScheduleRow }> => {
  const { schedule, ...rest } = await findSchedule(deps.db, principal.environmentId, id, task);
  if (schedule === null) throw missing();
  return { ...rest, schedule };
};

const requireOwn = (schedule: ScheduleRow): void => {
  if (schedule.type === "DECLARATIVE")
    throw refuse("This schedule is declared by code: change it there and deploy.");
};

/** `PUT /api/v1/schedules/:id`: replaces what it says. Errors: `forbidden`, `not_found`, `unprocessable`. */
export const updateSchedule = async (
  deps: Deps,
  principal: Principal,
  id: string,
  body: UpdateScheduleBody,
): Promise<Schedule> => {
  requireRight(principal, "write", id);
  const found = await getSchedule(deps, principal, id, body.task);
  requireOwn(found.schedule);
  const { deduplicationKey } = found.schedule;
  const content = contentOf(principal.environmentId, deduplicationKey, body, found);
  const row = await rows.updateSchedule(deps.db, id, content);
  if (row === null) throw missing();
  await wake(deps, principal.environmentId);
  return serialise(row);
};

/** `GET /api/v1/schedules/:id`. Errors: `forbidden`, `not_found`. */
export const readSchedule = async (deps: Deps, principal: Principal, id: string): Promise<Schedule> => {
  requireRight(principal, "read", id);
  return serialise((await getSchedule(deps, principal, id, null)).schedule);
};

/** `GET /api/v1/schedules`. Errors: `forbidden`. */
export const listSchedulePage = async (
  deps: Deps,
  principal: Principal,
  query: { page: number; perPage: number },
): Promise<ScheduleList> => {
  requireRight(principal, "read");
  const page = offsetPage(query);
  const found = await listSchedules(deps.db, principal.environmentId, page);
  return { data: found.rows.map(serialise), pagination: page.pagination(found.count) };
};

/** `POST /api/v1/schedules/:id/activate` and `/deactivate`; also for declared ones, over deploys. Errors: as above. */
export const setScheduleActive = async (
  deps: Deps,
  principal: Principal,
  id: string,
  active: boolean,
): Promise<Schedule> => {
  requireRight(principal, "write", id);
  const { schedule, nowMs } = await getSchedule(deps, principal, id, null);
  const { environmentId, cron, timezone, window, deduplicationKey } = schedule;
  const plan = { cron, timezone, window, seed: scheduleSeed(environmentId, deduplicationKey) };
  if (active) checkTimes(cron, timezone, window);
  const next = active ? ticksOf(plan, nowMs) : null;
  const row = await rows.setScheduleActive(deps.db, { id, environmentId }, next);
  if (row === null) throw missing();
  if (active) await wake(deps, environmentId);
  return serialise(row);
};

/** `DELETE /api/v1/schedules/:id`: its runs stay. Errors: as above. */
export const deleteSchedule = async (
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<{ id: string }> => {
  requireRight(principal, "write", id);
  const { schedule } = await getSchedule(deps, principal, id, null);
  requireOwn(schedule);
  if (!(await rows.deleteSchedule(deps.db, id, principal.environmentId))) throw missing();
  return { id };
};
