import {
  BulkAction,
  BulkActionIdResponse,
  BulkActionList,
  BulkActionListQuery,
  CreateBulkActionBody,
  ReplayRunBody,
} from "@longshore/shared/contract/bulk-actions";
import { RunIdResponse } from "@longshore/shared/contract/runs";
import type { RouteSpec } from "./spec.ts";

/** Replaying one run, and cancelling or replaying many. */
export const bulkSpecs = {
  replayRun: {
    method: "post",
    path: "/api/v1/runs/:runId/replay",
    auth: "key",
    scope: "write:runs",
    summary: "Run it once more",
    body: ReplayRunBody,
    response: RunIdResponse,
  },
  createBulkAction: {
    method: "post",
    path: "/api/v1/bulk-actions",
    auth: "key",
    scope: "write:runs",
    summary: "Cancel or replay many runs",
    body: CreateBulkActionBody,
    response: BulkActionIdResponse,
  },
  listBulkActions: {
    method: "get",
    path: "/api/v1/bulk-actions",
    auth: "key",
    scope: "read:runs",
    summary: "List bulk actions, newest first",
    query: BulkActionListQuery,
    response: BulkActionList,
  },
  retrieveBulkAction: {
    method: "get",
    path: "/api/v1/bulk-actions/:bulkActionId",
    auth: "key",
    scope: "read:runs",
    summary: "Retrieve a bulk action",
    response: BulkAction,
  },
  abortBulkAction: {
    method: "post",
    path: "/api/v1/bulk-actions/:bulkActionId/abort",
    auth: "key",
    scope: "write:runs",
    summary: "End a bulk action before it is done",
    response: BulkActionIdResponse,
  },
} as const satisfies Record<string, RouteSpec>;
