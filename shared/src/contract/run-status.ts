import { z } from "zod";

/** The states of a run as the database holds them. */
export const runStates = [
  "pending_version",
  "delayed",
  "queued",
  "leased",
  "executing",
  "waiting",
  "completed",
  "failed",
  "canceled",
  "crashed",
  "system_failure",
  "expired",
  "timed_out",
] as const;

export const RunState = z.enum(runStates);
export type RunState = z.infer<typeof RunState>;

/** States that nothing leaves. */
export const finalStates = [
  "completed",
  "failed",
  "canceled",
  "crashed",
  "system_failure",
  "expired",
  "timed_out",
] as const satisfies readonly RunState[];

/** Status words of the client API (version 2025-07-16), and those that only older clients know. */
export const runStatuses = [
  "PENDING_VERSION",
  "DELAYED",
  "QUEUED",
  "DEQUEUED",
  "EXECUTING",
  "WAITING",
  "COMPLETED",
  "FAILED",
  "CANCELED",
  "CRASHED",
  "SYSTEM_FAILURE",
  "EXPIRED",
  "TIMED_OUT",
] as const;
export const legacyRunStatuses = [
  ...runStatuses,
  "WAITING_FOR_DEPLOY",
  "REATTEMPTING",
  "FROZEN",
  "INTERRUPTED",
] as const;

export const RunStatus = z.enum(runStatuses);
export type RunStatus = z.infer<typeof RunStatus>;
