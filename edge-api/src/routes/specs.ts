import { agentAdminSpecs } from "./specs/agent-admin-specs.ts";
import { agentSpecs } from "./specs/agent-specs.ts";
import { bulkSpecs } from "./specs/bulk-specs.ts";
import { deploymentSpecs } from "./specs/deployment-specs.ts";
import { queueSpecs } from "./specs/queue-specs.ts";
import { runSpecs } from "./specs/run-specs.ts";
import { scheduleSpecs } from "./specs/schedule-specs.ts";
import { sessionSpecs } from "./specs/session-specs.ts";
import { systemSpecs } from "./specs/system-specs.ts";

/** Every route of the API. */
export const routeSpecs = {
  ...systemSpecs,
  ...runSpecs,
  ...bulkSpecs,
  ...queueSpecs,
  ...scheduleSpecs,
  ...agentAdminSpecs,
  ...deploymentSpecs,
  ...sessionSpecs,
  ...agentSpecs,
} as const;
