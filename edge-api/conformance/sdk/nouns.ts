import * as sdk from "@longshore/sdk";
import { Calls } from "./watch.ts";

/** Notes which calls the cases make. */
export const calls = new Calls();

/** Every noun whose functions make requests. */
export const nouns = calls.watch({
  tasks: sdk.tasks,
  batch: sdk.batch,
  runs: sdk.runs,
  schedules: sdk.schedules,
  envvars: sdk.envvars,
  queues: sdk.queues,
  concurrencyLimits: sdk.concurrencyLimits,
  deployments: sdk.deployments,
  idempotencyKeys: sdk.idempotencyKeys,
  auth: sdk.auth,
});
