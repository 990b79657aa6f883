/** Well-formed bodies, by route: what a request needs to get as far as the check of its scope. */
export const sampleBodies: Record<string, object> = {
  pauseQueue: { type: "id", action: "resume" },
  overrideQueue: { type: "id", concurrencyLimit: 1 },
  resetQueue: { type: "id" },
  setEnvironmentConcurrency: { limit: 1_000 },
  pauseEnvironment: { action: "resume" },
  overrideLimit: { total: 1 },
  pauseLimit: { action: "resume" },
  resetLimit: {},
  createSchedule: { task: "hello", cron: "0 0 * * *", deduplicationKey: "sample" },
  updateSchedule: { task: "hello", cron: "0 0 * * *" },
  createBulkAction: { action: "cancel", runIds: ["run_none"] },
  replayRun: {},
};
