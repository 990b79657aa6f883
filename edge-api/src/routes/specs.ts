import { accountSpecs } from "./specs/account-specs.ts";
import { agentAdminSpecs } from "./specs/agent-admin-specs.ts";
import { agentSpecs } from "./specs/agent-specs.ts";
import { batchSpecs } from "./specs/batch-specs.ts";
import { bulkSpecs } from "./specs/bulk-specs.ts";
import { credentialSpecs } from "./specs/credential-specs.ts";
import { deploymentSpecs } from "./specs/deployment-specs.ts";
import { envVarSpecs } from "./specs/env-var-specs.ts";
import { packetSpecs } from "./specs/packet-specs.ts";
import { queueSpecs } from "./specs/queue-specs.ts";
import { runSpecs } from "./specs/run-specs.ts";
import { scheduleSpecs } from "./specs/schedule-specs.ts";
import { sessionSpecs } from "./specs/session-specs.ts";
import { systemSpecs } from "./specs/system-specs.ts";
import { waitSpecs } from "./specs/wait-specs.ts";

/** Every route of the API. */
export const routeSpecs = {
  ...systemSpecs,
  ...runSpecs,
  ...batchSpecs,
  ...packetSpecs,
  ...waitSpecs,
  ...bulkSpecs,
  ...queueSpecs,
  ...scheduleSpecs,
  ...agentAdminSpecs,
  ...credentialSpecs,
  ...deploymentSpecs,
  ...envVarSpecs,
  ...sessionSpecs,
  ...accountSpecs,
  ...agentSpecs,
} as const;
