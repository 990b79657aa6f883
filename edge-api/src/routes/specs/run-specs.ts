import { TaskList } from "@longshore/shared/contract/dashboard";
import {
  ProjectRunListQuery,
  Run,
  RunExplanation,
  RunIdResponse,
  RunList,
  RunListQuery,
  RunLogs,
  RunLogsQuery,
  RunTimeline,
} from "@longshore/shared/contract/runs";
import { TriggerBody, TriggerResponse } from "@longshore/shared/contract/trigger";
import type { RouteSpec } from "./spec.ts";

/** Triggering tasks, and their runs. */
export const runSpecs = {
  triggerTask: {
    method: "post",
    path: "/api/v1/tasks/:taskId/trigger",
    auth: "key",
    scope: "trigger:tasks",
    summary: "Trigger a task",
    body: TriggerBody,
    response: TriggerResponse,
  },
  retrieveRun: {
    method: "get",
    path: "/api/v3/runs/:runId",
    auth: "key",
    scope: "read:runs",
    summary: "Retrieve a run",
    response: Run,
  },
  listRuns: {
    method: "get",
    path: "/api/v1/runs",
    auth: "key",
    scope: "read:runs",
    summary: "List runs, newest first",
    query: RunListQuery,
    response: RunList,
  },
  listProjectRuns: {
    method: "get",
    path: "/api/v1/projects/:projectRef/runs",
    auth: "key",
    scope: "read:runs",
    summary: "List runs of a project, newest first",
    query: ProjectRunListQuery,
    response: RunList,
  },
  cancelRun: {
    method: "post",
    path: "/api/v2/runs/:runId/cancel",
    auth: "key",
    scope: "write:runs",
    summary: "Cancel a run",
    response: RunIdResponse,
  },
  runTimeline: {
    method: "get",
    path: "/api/v1/runs/:runId/events",
    auth: "key",
    scope: "read:runs",
    summary: "What happened to a run",
    response: RunTimeline,
  },
  runLogs: {
    method: "get",
    path: "/api/v1/runs/:runId/logs",
    auth: "key",
    scope: "read:runs",
    summary: "Lines that a run wrote",
    query: RunLogsQuery,
    response: RunLogs,
  },
  explainRun: {
    method: "get",
    path: "/api/v1/runs/:runId/explain",
    auth: "key",
    scope: "read:runs",
    summary: "Why a run is where it is",
    response: RunExplanation,
  },
  listTasks: {
    method: "get",
    path: "/api/v1/tasks",
    auth: "key",
    scope: "read:tasks",
    summary: "Tasks of the current deployment",
    response: TaskList,
  },
} as const satisfies Record<string, RouteSpec>;
