import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureRunnerBase } from "../src/images/ensure-runner-base.ts";
import { connectDocker } from "../src/services/connect-docker.ts";
import { isRunning } from "../src/services/service.ts";
import { type OwnDocker, startDocker } from "../src/services/start-docker.ts";
import { needs } from "../src/testing/need.ts";
import { type HangingEngine, startHangingEngine } from "./stage/hanging-engine.ts";
import { hasRealParts, realApi } from "./stage/real-api.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const tasks = `
import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@longshore/sdk";
export const nap = task({
  id: "nap",
  retry: { maxAttempts: 3, minTimeoutInMs: 100, maxTimeoutInMs: 200 },
  run: async (payload: { ms: number; firstMs?: number }, { ctx }) => {
    console.log("up");
    await sleep(ctx.attempt.number === 1 ? payload.firstMs ?? payload.ms : payload.ms);
    return "slept";
  },
});
`;

describe.skipIf(!hasRealParts || process.getuid?.() !== 0)("an engine that", () => {
  let stage: Stage;
  let engine: OwnDocker;
  let image: string;
  let way: HangingEngine;
  beforeAll(async () => {
    stage = await startStage("survival-engine", realApi({}));
    await stage.deploy(stage.project({ "trigger/tasks.ts": tasks }));
    const started = await startDocker();
    if (!isRunning(started)) throw new Error(started.missing);
    engine = started;
    image = (await ensureRunnerBase(connectDocker(engine.url))).image;
    way = await startHangingEngine(stage.folder, needs("docker") as string);
  }, 120_000);
  afterAll(async () => {
    await stage?.close();
    await way?.close();
    await engine?.stop();
  }, 60_000);

  const trigger = async (ms: number, firstMs = ms) =>
    (await stage.client.tasks.trigger("nap", { ms, firstMs })).id;
  const end = (id: string) => stage.client.runs.poll(id, { pollIntervalMs: 150 });
  const isUp = (id: string) =>
    until(`${id} is up`, async () => (await stage.logsOf(id)).includes("up"), { withinMs: 60_000 });
  const free = async (name: string) =>
    (await stage.client.agents.list()).data.find((one) => one.name === name);

  test("dies and comes back: nothing is claimed meanwhile, what it took along is tried again, nothing is left", {
    timeout: 240_000,
  }, async () => {
    const docker = connectDocker(engine.url);
    const neighbour = await docker.createContainer({
      Image: image,
      Cmd: ["node", "-e", "0"],
      Labels: { app: "other" },
    });
    const over = {
      name: "crashing",
      dockerHost: engine.url,
      runnerImage: image,
      network: "none",
      startS: 90,
    };
    const agent = await stage.agent({ ...over, runtime: "docker", slots: 4 });
    const first = await trigger(0, 300_000);
    const short = await trigger(3_000);
    await Promise.all([isUp(first), isUp(short)]);
    await engine.crash();
    await until("the agent notices", () => agent.status().free === 0, { saw: agent.status });
    const second = await trigger(0);
    await until("the loop says so", () => agent.status().loops.events?.includes("does not answer"), {
      saw: agent.status,
    });
    expect((await stage.client.runs.retrieve(second)).status).toBe("QUEUED");
    // A container outlives its engine, and its runner speaks with the agent directly: what it said is reported.
    expect(await end(short)).toMatchObject({ status: "COMPLETED", output: "slept", attemptCount: 1 });
    await engine.revive();
    // The revived engine ended what was left: that attempt failed, and the run is tried again.
    expect(await end(first)).toMatchObject({ status: "COMPLETED", output: "slept", attemptCount: 2 });
    expect(await end(second)).toMatchObject({ status: "COMPLETED", attemptCount: 1 });
    const left = async () => {
      const all = await docker.listContainers({ all: true });
      return all.map(({ Id }) => Id).filter((id) => id !== neighbour.id);
    };
    // What is kept ready for more goes with the agent.
    await agent.stop();
    await until("no container of ours is left", async () => (await left()).length === 0, { saw: left });
    expect((await neighbour.inspect()).State.Status).toBe("created");
    await neighbour.remove();
  });

  test("is gone when the agent starts: it is online, takes nothing, and works as soon as there is one", {
    timeout: 180_000,
  }, async () => {
    await engine.crash();
    const over = { name: "patient", dockerHost: engine.url, runnerImage: image, network: "none", startS: 90 };
    const agent = await stage.agent({ ...over, runtime: "docker" });
    await until("it is online", async () => (await free("patient"))?.status === "online");
    const id = await trigger(0);
    expect(agent.status()).toMatchObject({ free: 0, runtime: "docker" });
    expect((await stage.client.runs.retrieve(id)).status).toBe("QUEUED");
    await engine.revive();
    expect(await end(id)).toMatchObject({ status: "COMPLETED", attemptCount: 1 });
    await agent.stop();
  });

  test("hangs when it should create: what was claimed goes back with the reason, no more is claimed, others run it", {
    timeout: 240_000,
  }, async () => {
    way.hang(true);
    const hung = await stage.agent({
      name: "hung",
      runtime: "docker",
      dockerHost: way.host,
      slots: 2,
      startS: 8,
    });
    const ids = await Promise.all([trigger(0), trigger(0), trigger(0), trigger(0)]);
    await until("starts hang", () => way.hanging() > 0, { withinMs: 90_000 });
    await until("it holds back", () => hung.status().problems.length > 0, { saw: hung.status });
    const why = await until("the reason", async () => {
      const all = await Promise.all(ids.map(async (id) => (await stage.client.runs.explain(id)).sentence));
      return all.find((sentence) => sentence.includes("did not start the run within 8 s"));
    });
    expect(why).toContain("An agent could not start it");
    // Two slots, and then one try at a time: four runs that wait for it are not burned down.
    expect(way.hanging()).toBeLessThanOrEqual(4);
    const well = await stage.agent({ name: "well", runtime: "docker", startS: 90 });
    for (const id of ids) expect(await end(id)).toMatchObject({ status: "COMPLETED", attemptCount: 1 });
    way.hang(false);
    await Promise.all([hung.stop(), well.stop()]);
  });
});
