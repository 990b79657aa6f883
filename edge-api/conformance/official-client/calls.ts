/*
 * Every call of the official client that the client wire contract, sections 1 to 4, describes: its name, its section, and
 * the request that proves it was really made. Calls of section 4.11 are answered 404. surface.ts says of the rest why it is not here.
 */

type Row = readonly [section: string, route: string];

const rows = {
  configure: ["1.1", "POST /api/v1/tasks/:taskId/trigger"],
  TriggerClient: ["1.1", "POST /api/v1/tasks/:taskId/trigger"],
  "requests repeated by the client": ["1.6", "POST /api/v1/tasks/:taskId/trigger"],
  "status words of older clients (fetch)": ["1.7", "GET /api/v3/runs/:runId"],

  "auth.withAuth": ["2.1", "GET /api/v3/runs/:runId"],
  "auth.createPublicToken": ["2.4", "POST /api/v1/auth/public-tokens"],
  "auth.withPublicToken": ["2.4", "POST /api/v1/auth/public-tokens"],
  "auth.createTriggerPublicToken": ["2.4", "POST /api/v1/auth/public-tokens"],
  "auth.withTriggerPublicToken": ["2.4", "POST /api/v1/auth/public-tokens"],
  "auth.createBatchTriggerPublicToken": ["2.4", "POST /api/v1/auth/public-tokens"],
  "auth.withBatchTriggerPublicToken": ["2.4", "POST /api/v1/auth/public-tokens"],
  "apiClient.createPublicToken": ["2.4", "POST /api/v1/auth/public-tokens"],
  "apiClient.generateJWTClaims": ["2.4", "POST /api/v1/auth/jwt/claims"],

  "apiClient.createUploadPayloadUrl": ["3", "PUT /api/v2/packets/:path"],
  "apiClient.getPayloadUrl": ["3", "GET /api/v1/packets/:path"],
  "apiClient.getRunPacketUrl": ["3", "GET /api/v1/runs/:runId/packets/:kind"],

  "tasks.trigger": ["4.1", "POST /api/v1/tasks/:taskId/trigger"],
  "task.trigger": ["4.1", "POST /api/v1/tasks/:taskId/trigger"],
  "tasks.triggerAndWait (as run)": ["4.1", "POST /api/v1/tasks/:taskId/trigger"],

  "tasks.batchTrigger": ["4.2", "POST /api/v3/batches/:batchId/items"],
  "task.batchTrigger": ["4.2", "POST /api/v3/batches/:batchId/items"],
  "batch.trigger": ["4.2", "POST /api/v3/batches/:batchId/items"],
  "batch.trigger (stream)": ["4.2", "POST /api/v3/batches/:batchId/items"],
  "batch.triggerByTask": ["4.2", "POST /api/v3/batches/:batchId/items"],
  "batch.triggerAndWait (as run)": ["4.2", "POST /api/v3/batches/:batchId/items"],
  "batch.retrieve": ["4.2", "GET /api/v2/batches/:batchId"],
  "apiClient.createBatch": ["4.2", "POST /api/v3/batches"],
  "apiClient.streamBatchItems": ["4.2", "POST /api/v3/batches/:batchId/items"],
  "apiClient.getBatchResults": ["4.2", "GET /api/v1/batches/:batchId/results"],
  "apiClient.batchTriggerV3": ["4.2", "POST /api/v2/tasks/batch"],
  "GET /api/v1/batches/:id (fetch)": ["4.2", "GET /api/v1/batches/:batchId"],
  "POST /api/v1/tasks/batch (fetch)": ["4.2", "POST /api/v1/tasks/batch"],
  "POST /api/v1/tasks/:id/batch (fetch)": ["4.2", "POST /api/v1/tasks/:taskId/batch"],

  "runs.retrieve": ["4.3", "GET /api/v3/runs/:runId"],
  "runs.list": ["4.3", "GET /api/v1/runs"],
  "runs.list (project)": ["4.3", "GET /api/v1/projects/:projectRef/runs"],
  "runs.poll": ["4.3", "GET /api/v3/runs/:runId"],
  "runs.cancel": ["4.3", "POST /api/v2/runs/:runId/cancel"],
  "runs.replay": ["4.3", "POST /api/v1/runs/:runId/replay"],
  "runs.reschedule": ["4.3", "POST /api/v1/runs/:runId/reschedule"],
  "apiClient.addTags": ["4.3", "POST /api/v1/runs/:runId/tags"],
  "apiClient.updateRunMetadata": ["4.3", "PUT /api/v1/runs/:runId/metadata"],
  "apiClient.getRunMetadata": ["4.3", "GET /api/v1/runs/:runId/metadata"],
  "apiClient.getRunResult": ["4.3", "GET /api/v1/runs/:runId/result"],
  "apiClient.listRunEvents": ["4.3", "GET /api/v1/runs/:runId/events"],
  "apiClient.retrieveRunTrace": ["4.3", "GET /api/v1/runs/:runId/trace"],
  "apiClient.retrieveRunTracePage": ["4.3", "GET /api/v1/runs/:runId/trace"],
  "apiClient.retrieveSpan": ["4.3", "GET /api/v1/runs/:runId/spans/:spanId"],
  "idempotencyKeys.create": ["4.3", "POST /api/v1/tasks/:taskId/trigger"],
  "idempotencyKeys.reset": ["4.3", "POST /api/v1/idempotencyKeys/:key/reset"],

  "runs.bulk.cancel": ["4.4", "POST /api/v1/bulk-actions"],
  "runs.bulk.replay": ["4.4", "POST /api/v1/bulk-actions"],
  "runs.bulk.list": ["4.4", "GET /api/v1/bulk-actions"],
  "runs.bulk.retrieve": ["4.4", "GET /api/v1/bulk-actions/:bulkActionId"],
  "runs.bulk.poll": ["4.4", "GET /api/v1/bulk-actions/:bulkActionId"],
  "runs.bulk.abort": ["4.4", "POST /api/v1/bulk-actions/:bulkActionId/abort"],

  "schedules.create": ["4.5", "POST /api/v1/schedules"],
  "schedules.retrieve": ["4.5", "GET /api/v1/schedules/:scheduleId"],
  "schedules.update": ["4.5", "PUT /api/v1/schedules/:scheduleId"],
  "schedules.activate": ["4.5", "POST /api/v1/schedules/:scheduleId/activate"],
  "schedules.deactivate": ["4.5", "POST /api/v1/schedules/:scheduleId/deactivate"],
  "schedules.del": ["4.5", "DELETE /api/v1/schedules/:scheduleId"],
  "schedules.list": ["4.5", "GET /api/v1/schedules"],
  "schedules.timezones": ["4.5", "GET /api/v1/timezones"],

  "envvars.create": ["4.6", "POST /api/v1/projects/:projectRef/envvars/:slug"],
  "envvars.list": ["4.6", "GET /api/v1/projects/:projectRef/envvars/:slug"],
  "envvars.retrieve": ["4.6", "GET /api/v1/projects/:projectRef/envvars/:slug/:name"],
  "envvars.update (apiClient)": ["4.6", "PUT /api/v1/projects/:projectRef/envvars/:slug/:name"],
  "envvars.del": ["4.6", "DELETE /api/v1/projects/:projectRef/envvars/:slug/:name"],
  "envvars.upload": ["4.6", "POST /api/v1/projects/:projectRef/envvars/:slug/import"],

  "queues.list": ["4.7", "GET /api/v1/queues"],
  "queues.retrieve": ["4.7", "GET /api/v1/queues/:queue"],
  "queues.pause": ["4.7", "POST /api/v1/queues/:queue/pause"],
  "queues.resume": ["4.7", "POST /api/v1/queues/:queue/pause"],
  "queues.overrideConcurrencyLimit": ["4.7", "POST /api/v1/queues/:queue/concurrency/override"],
  "queues.resetConcurrencyLimit": ["4.7", "POST /api/v1/queues/:queue/concurrency/reset"],
  "concurrencyLimits.list": ["4.7", "GET /api/v1/concurrency-limits"],
  "concurrencyLimits.retrieve": ["4.7", "GET /api/v1/concurrency-limits/:name"],
  "concurrencyLimits.retrieve (key)": ["4.7", "GET /api/v1/concurrency-limits/:name"],
  "concurrencyLimits.override": ["4.7", "POST /api/v1/concurrency-limits/:name/override"],
  "concurrencyLimits.override (key)": ["4.7", "POST /api/v1/concurrency-limits/:name/override"],
  "concurrencyLimits.reset": ["4.7", "POST /api/v1/concurrency-limits/:name/reset"],
  "concurrencyLimits.reset (key)": ["4.7", "POST /api/v1/concurrency-limits/:name/reset"],
  "concurrencyLimits.pause": ["4.7", "POST /api/v1/concurrency-limits/:name/pause"],
  "concurrencyLimits.resume": ["4.7", "POST /api/v1/concurrency-limits/:name/pause"],

  "wait.createToken": ["4.8", "POST /api/v1/waitpoints/tokens"],
  "wait.listTokens": ["4.8", "GET /api/v1/waitpoints/tokens"],
  "wait.retrieveToken": ["4.8", "GET /api/v1/waitpoints/tokens/:tokenId"],
  "wait.completeToken": ["4.8", "POST /api/v1/waitpoints/tokens/:tokenId/complete"],
  "token.url (fetch)": ["4.8", "POST /api/v1/waitpoints/tokens/:tokenId/callback/:hash"],

  "apiClient.waitForDuration": ["4.9", "POST /engine/v1/runs/:runId/wait/duration"],
  "apiClient.waitForWaitpointToken": ["4.9", "POST /engine/v1/runs/:runId/waitpoints/tokens/:tokenId/wait"],

  "deployments.list": ["4.10", "GET /api/v1/deployments"],
  "deployments.retrieveCurrent": ["4.10", "GET /api/v1/deployments/current"],

  "calls answered 404 at once": ["4.11", "GET /api/v1/prompts"],
} as const satisfies Record<string, Row>;

/** The name of a call, as the table shows it. */
export type CallName = keyof typeof rows;

/** A call and where the contract describes it. Shape: `route` is method and path, parameters as `:name`. */
export type ClientCall = { name: CallName; section: string; route: string };

/** Every call that must work, in the contract's order. */
export const clientCalls: readonly ClientCall[] = Object.entries(rows).map(([name, [section, route]]) => ({
  name: name as CallName,
  section,
  route,
}));

const byName = new Map(clientCalls.map((call) => [call.name, call]));

/** Errors: a name that is not in the table is refused by its type. */
export const callOf = (name: CallName): ClientCall => byName.get(name)!;
