import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FlakyProxy, startFlakyProxy } from "./stage/flaky-proxy.ts";
import { hasRealParts, realApi } from "./stage/real-api.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const ticking = `
import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@longshore/sdk";
let calls = 0;
export const ticking = task({
  id: "ticking",
  retry: { maxAttempts: 3, minTimeoutInMs: 100 },
  run: async (payload: { ticks: number }) => {
    calls++;
    for (let tick = 1; tick <= payload.ticks; tick++) {
      console.log("tick " + tick);
      await sleep(200);
    }
    return calls;
  },
});
`;
/** The fence is at 4 s, but the API gives nothing to others for 60 s. */
const patient = { beatMs: 1_500, leaseMs: 8_000, silentMs: 60_000, startMs: 60_000, holdMs: 3_000 };

describe.skipIf(!hasRealParts)("an API that is away", () => {
  let stage: Stage;
  let way: FlakyProxy;
  beforeAll(async () => {
    stage = await startStage("survival-api", realApi(patient));
    way = await startFlakyProxy(stage.url);
    await stage.deploy(stage.project({ "trigger/ticking.ts": ticking }));
  });
  afterAll(async () => {
    way?.mend();
    await stage?.close();
    await way?.close();
  });

  test("for longer than the fence: runs go on up to it, then stand still, and every fact arrives once and in order", {
    timeout: 90_000,
  }, async () => {
    const { client } = stage;
    const agent = await stage.agent({
      name: "cut-off",
      runtime: "docker",
      slots: 4,
      url: way.url,
      startS: 90,
    });
    const trigger = async (ticks: number) => (await client.tasks.trigger("ticking", { ticks })).id;
    const [short, ...long] = await Promise.all([trigger(10), trigger(40), trigger(40)]);
    const ids = [short as string, ...long];
    await until(
      "all of them tick",
      async () => (await Promise.all(ids.map(stage.logsOf))).every((lines) => lines.length > 0),
      { withinMs: 60_000, saw: agent.status },
    );
    way.cut();
    const before = agent.status().outbox.facts;
    await until("they go on: facts gather in the outbox", () => agent.status().outbox.facts > before + 3);
    expect(agent.status().paused).toBe(false);
    await until("they are frozen", () => agent.status().paused, { saw: agent.status });
    const gathered = agent.status().outbox;
    expect(gathered.bytes).toBeGreaterThan(0);
    way.mend();
    await until("they go on with the API", () => !agent.status().paused, {
      withinMs: 30_000,
      saw: agent.status,
    });

    for (const [at, id] of ids.entries()) {
      const run = await client.runs.poll(id, { pollIntervalMs: 200 });
      expect(run).toMatchObject({ status: "COMPLETED", attemptCount: 1, output: 1 });
      const ticks = at === 0 ? 10 : 40;
      // Each line once, in the order in which it was said.
      expect(await stage.logsOf(id)).toEqual(Array.from({ length: ticks }, (_, tick) => `tick ${tick + 1}`));
    }
    await until("the outbox is empty", () => agent.status().outbox.facts === 0, { saw: agent.status });
    await agent.stop();
  });

  test("for longer than the fence, with an agent that asks for more: runs go on and end, and are told once and in order", {
    timeout: 60_000,
  }, async () => {
    const { client } = stage;
    const agent = await stage.agent({
      ...{ name: "patient", runtime: "docker", slots: 2, url: way.url, startS: 90, silentMs: 30_000 },
    });
    const ids = await Promise.all(
      [1, 2].map(async () => (await client.tasks.trigger("ticking", { ticks: 28 })).id),
    );
    await until(
      "both tick",
      async () => (await Promise.all(ids.map(stage.logsOf))).every((lines) => lines.length > 0),
      { withinMs: 60_000, saw: agent.status },
    );
    expect(agent.status().runsForMs).toBe(30_000);
    way.cut();
    let wasPaused = false;
    await until(
      "both end while the API is away",
      () => {
        wasPaused ||= agent.status().paused;
        return agent.status().running === 0;
      },
      { withinMs: 20_000, saw: agent.status },
    );
    expect(wasPaused).toBe(false);
    expect(agent.status().silentMs).toBeGreaterThan(patient.leaseMs / 2); // where it would have frozen them
    way.mend();
    for (const id of ids) {
      const run = await client.runs.poll(id, { pollIntervalMs: 200 });
      expect(run).toMatchObject({ status: "COMPLETED", attemptCount: 1, output: 1 });
      expect(await stage.logsOf(id)).toEqual(Array.from({ length: 28 }, (_, tick) => `tick ${tick + 1}`));
    }
    await until("the outbox is empty", () => agent.status().outbox.facts === 0, { saw: agent.status });
  });
});
