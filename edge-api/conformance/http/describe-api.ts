import { afterAll, beforeAll, describe } from "vitest";
import { accessCases } from "./cases/access.ts";
import { accountCases } from "./cases/account.ts";
import { agentCases } from "./cases/agent.ts";
import { agentRunCases } from "./cases/agent-runs.ts";
import { batchCases } from "./cases/batches.ts";
import { bulkCases } from "./cases/bulk.ts";
import { credentialCases } from "./cases/credentials.ts";
import { deploymentCases } from "./cases/deployments.ts";
import { envVarCases } from "./cases/env-vars.ts";
import { labelCases } from "./cases/labels.ts";
import { limitCases } from "./cases/limits.ts";
import { optionCases } from "./cases/options.ts";
import { packetCases } from "./cases/packets.ts";
import { queueCases } from "./cases/queues.ts";
import { runEditCases } from "./cases/run-edits.ts";
import { runCases } from "./cases/runs.ts";
import { scheduleCases } from "./cases/schedules.ts";
import { sessionCases } from "./cases/sessions.ts";
import { surfaceCases } from "./cases/surface.ts";
import { traceCases } from "./cases/traces.ts";
import { triggerCases } from "./cases/trigger.ts";
import { waitCases } from "./cases/waits.ts";
import { deploy } from "./client.ts";
import type { Platform } from "./platforms.ts";

/** The black-box suite: the same cases for each platform, which they know by its address and its keys alone. */
export const describeApi = (name: string, isAvailable: boolean, start: () => Promise<Platform>): void => {
  describe.skipIf(!isAvailable)(`the API on ${name}`, () => {
    let running: Platform;
    const platform = () => running;
    beforeAll(async () => {
      running = await start();
      await deploy(running, [...[{ id: "hello" }, { id: "other" }, { id: "folder/task" }]]);
    }, 60_000);
    afterAll(() => running?.close());

    triggerCases(platform);
    optionCases(platform);
    runCases(platform);
    batchCases(platform);
    waitCases(platform);
    runEditCases(platform);
    packetCases(platform);
    agentCases(platform);
    agentRunCases(platform);
    deploymentCases(platform);
    sessionCases(platform);
    accountCases(platform);
    surfaceCases(platform);
    accessCases(platform);
    envVarCases(platform);
    credentialCases(platform);
    limitCases(platform);
    queueCases(platform);
    bulkCases(platform);
    traceCases(platform);
    scheduleCases(platform);
    labelCases(platform);
  });
};
