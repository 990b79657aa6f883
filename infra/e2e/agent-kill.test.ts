import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../src/testing/need.ts";
import { type Runtime, type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const hasDocker = Boolean(needs("docker") && needs("runnerImage"));

/** Ticks for a while; `boot` names the process that it runs in. */
const ticking = `
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { logger, task } from "@longshore/sdk";
const boot = randomUUID();
let calls = 0;
export const ticking = task({
  id: "ticking",
  retry: { maxAttempts: 3, minTimeoutInMs: 100 },
  run: async (payload: { ticks: number }) => {
    calls++;
    for (let tick = 1; tick <= payload.ticks; tick++) {
      logger.info(\`tick \${tick} \${boot}\`);
      await sleep(250);
    }
    return { boot, calls };
  },
});
`;
const ticks = 16;

describe("an agent that is killed in the middle of a run", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("agent-kill");
    await stage.deploy(stage.project({ "trigger/ticking.ts": ticking }));
  });
  afterAll(() => stage?.close());

  const cases = [
    { runtime: "process" as Runtime, isHere: true },
    { runtime: "docker" as Runtime, isHere: hasDocker },
  ].filter(({ isHere }) => isHere);
  test.each(cases)(
    "finds it again when it is back: one process, one attempt ($runtime)",
    async ({ runtime }) => {
      const { client } = stage;
      const agent = await stage.spawnAgent(runtime, runtime);
      const { id } = await client.tasks.trigger("ticking", { ticks });
      const ticked = async () => (await stage.logsOf(id)).filter((line) => line.startsWith("tick "));
      await until("three ticks", async () => (await ticked()).length >= 3, { saw: agent.output });
      agent.kill("SIGKILL");
      await agent.untilExit();
      expect((await client.runs.retrieve(id)).status).toBe("EXECUTING");

      const again = await stage.spawnAgent(runtime, runtime);
      const run = await client.runs.poll(id, { pollIntervalMs: 100 });
      expect(run).toMatchObject({ status: "COMPLETED", attemptCount: 1, output: { calls: 1 } });
      const boot = "output" in run ? (run.output as { boot: string }).boot : "none";
      // No tick is missing, none came twice, all are of one process.
      expect(await ticked()).toEqual(
        Array.from({ length: ticks }, (_, index) => `tick ${index + 1} ${boot}`),
      );
      const { attempts } = await client.runs.timeline(id);
      expect(attempts.map(({ number, status }) => [number, status])).toEqual([[1, "completed"]]);
      again.kill("SIGTERM");
      expect(await again.untilExit()).toBe(0);
    },
  );
});
