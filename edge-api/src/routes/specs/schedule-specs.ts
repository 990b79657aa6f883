import { OffsetQuery } from "@longshore/shared/contract/queues";
import {
  CreateScheduleBody,
  Schedule,
  ScheduleIdResponse,
  ScheduleList,
  TimezoneList,
  TimezoneQuery,
  UpdateScheduleBody,
} from "@longshore/shared/contract/schedules";
import type { RouteSpec } from "./spec.ts";

const read = { auth: "key", scope: "read:schedules" } as const;
const write = { auth: "key", scope: "write:schedules" } as const;

/** Schedules. */
export const scheduleSpecs = {
  createSchedule: {
    ...write,
    method: "post",
    path: "/api/v1/schedules",
    summary: "Create a schedule, or change the one of the same key",
    body: CreateScheduleBody,
    response: Schedule,
  },
  listSchedules: {
    ...read,
    method: "get",
    path: "/api/v1/schedules",
    summary: "List schedules",
    query: OffsetQuery,
    response: ScheduleList,
  },
  retrieveSchedule: {
    ...read,
    method: "get",
    path: "/api/v1/schedules/:scheduleId",
    summary: "Retrieve a schedule",
    response: Schedule,
  },
  updateSchedule: {
    ...write,
    method: "put",
    path: "/api/v1/schedules/:scheduleId",
    summary: "Replace what a schedule says",
    body: UpdateScheduleBody,
    response: Schedule,
  },
  activateSchedule: {
    ...write,
    method: "post",
    path: "/api/v1/schedules/:scheduleId/activate",
    summary: "Switch a schedule on",
    response: Schedule,
  },
  deactivateSchedule: {
    ...write,
    method: "post",
    path: "/api/v1/schedules/:scheduleId/deactivate",
    summary: "Switch a schedule off",
    response: Schedule,
  },
  deleteSchedule: {
    ...write,
    method: "delete",
    path: "/api/v1/schedules/:scheduleId",
    summary: "Delete a schedule",
    response: ScheduleIdResponse,
  },
  listTimezones: {
    method: "get",
    path: "/api/v1/timezones",
    auth: "none",
    summary: "Time zones that a schedule may name",
    query: TimezoneQuery,
    response: TimezoneList,
  },
} as const satisfies Record<string, RouteSpec>;
