import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askAgent } from "@longshore/agent/adapters/local-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDocker } from "../src/services/connect-docker.ts";
import { needs } from "../src/testing/need.ts";
import { type FlakyProxy, startFlakyProxy } from "./stage/flaky-proxy.ts";
import { hasRealParts, realApi } from "./stage/real-api.ts";
import { ended, spawnCli } from "./stage/spawn-part.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const tasks = `
import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@longshore/sdk";
export const nap = task({ id: "nap", retry: { maxAttempts: 1 }, run: async (payload: { ms: number }) => {
  console.log("up");
  await sleep(payload.ms);
  return "slept";
} });
`;

describe.skipIf(!hasRealParts)("an agent whose host", () => {
  const docker = connectDocker(needs("docker"));
  let stage: Stage;
  let way: FlakyProxy;
  beforeAll(async () => {
    stage = await startStage("survival-host", realApi({}));
    way = await startFlakyProxy(stage.url);
    await stage.deploy(stage.project({ "trigger/tasks.ts": tasks }));
  });
  afterAll(async () => {
    await stage?.close();
    await way?.close();
  });

  const trigger = async (ms: number) => (await stage.client.tasks.trigger("nap", { ms })).id;
  const end = (id: string) => stage.client.runs.poll(id, { pollIntervalMs: 150 });
  const isUp = (id: string) =>
    until(`${id} is up`, async () => (await stage.logsOf(id)).includes("up"), { withinMs: 60_000 });
  const explained = async (id: string) => (await stage.client.runs.explain(id)).sentence;

  test("has a full disk takes nothing and says why; what runs is reported, and with room it takes again", {
    timeout: 120_000,
  }, async () => {
    const dataDir = join(stage.folder, "agents/full");
    mkdirSync(dataDir, { recursive: true });
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=24m,mode=711", "tmpfs", dataDir]);
    if (mounted.status !== 0) throw new Error(`no file system can be mounted: ${mounted.stderr}`);
    const ballast = join(dataDir, "ballast");
    const fill = () => {
      try {
        writeFileSync(ballast, Buffer.alloc(64 * 1024 * 1024));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    };
    const agent = await stage.agent({
      name: "full",
      runtime: "docker",
      dataDir,
      diskFreeMinMb: 1,
      startS: 90,
    });
    try {
      const first = await trigger(3_000);
      await isUp(first);
      fill();
      // What ends while nothing can be written is told all the same.
      expect(await end(first)).toMatchObject({ status: "COMPLETED", output: "slept" });
      await until("it says so", () => agent.status().problems.length > 0, { saw: agent.status });
      expect(agent.status().free).toBe(0);
      const second = await trigger(0);
      const why = await until("the reason", async () => {
        const sentence = await explained(second);
        return sentence.includes('"full"') && sentence;
      });
      expect(why).toMatch(/MiB are free on the disk/);
      expect((await stage.client.runs.timeline(second)).attempts).toEqual([]);
      rmSync(ballast);
      expect(await end(second)).toMatchObject({ status: "COMPLETED", attemptCount: 1 });
      expect(agent.status().problems).toEqual([]);
    } finally {
      rmSync(ballast, { force: true });
      await agent.stop();
      // Lazily: a container that is only just going may still see it.
      expect(spawnSync("umount", ["-l", dataDir]).status).toBe(0);
    }
  });

  test("has no image with that digest ends its start with the reason", { timeout: 60_000 }, async () => {
    const runnerImage = `127.0.0.1:9/longshore/none@sha256:${"0".repeat(64)}`;
    const starting = stage.agent({ name: "no-digest", runtime: "docker", runnerImage });
    await expect(starting).rejects.toThrow(`The runner image ${runnerImage} is not on this host`);
  });

  test("has no address left for a container takes one run at a time, and all come through", {
    timeout: 120_000,
  }, async () => {
    // Room for one container: the gateway takes the other of its two addresses.
    const name = `longshore-e2e-${process.pid}`;
    const subnet = `10.214.${process.pid % 250}.0/30`;
    const network = await docker.createNetwork({
      Name: name,
      IPAM: { Driver: "default", Config: [{ Subnet: subnet }] },
    });
    const agent = await stage.agent({
      name: "crowded",
      runtime: "docker",
      network: name,
      slots: 3,
      startS: 90,
    });
    try {
      const ids = await Promise.all([trigger(1_500), trigger(1_500), trigger(1_500)]);
      await until(
        "one of them cannot start and says why",
        async () => {
          const all = await Promise.all(ids.map(explained));
          return all.some((sentence) => sentence.includes("no available IPv4 addresses"));
        },
        { withinMs: 40_000, saw: () => Promise.all(ids.map(explained)) },
      );
      expect(agent.status().problems.join()).toContain("no available IPv4 addresses");
      for (const id of ids) expect(await end(id)).toMatchObject({ status: "COMPLETED", output: "slept" });
    } finally {
      await agent.stop();
      const remove = () =>
        network.remove().then(
          () => true,
          () => false,
        );
      await until("no container is in the network", remove, { saw: () => network.inspect() });
    }
  });

  test("has others beside it: each touches its own, drains alone, and lets go or ends when it is told", {
    timeout: 120_000,
  }, async () => {
    const { client } = stage;
    const foreign = await docker.createContainer({
      Image: needs("runnerImage") as string,
      Cmd: ["node", "-e", "setInterval(() => {}, 1000)"],
      Labels: { "com.example.app": "not ours" },
    });
    await foreign.start();
    const one = await stage.spawnAgent("one", "docker");
    const two = await stage.spawnAgent("two", "docker");
    try {
      const online = async () =>
        (await client.agents.list()).data.filter(({ slots, status }) => slots > 0 && status === "online");
      await until(
        "both are there",
        async () => (await online()).filter(({ name }) => name === "one" || name === "two").length === 2,
      );
      const [first] = (await online()).filter(({ name }) => name === "one");
      await client.agents.drain(first?.id ?? "");
      const slow = await trigger(8_000);
      await isUp(slow);
      const { attempts } = await client.runs.timeline(slow);
      expect(attempts.map(({ agentName }) => agentName)).toEqual(["two"]);

      // `longshore agent drain` on the host of the other: it finishes what it has and takes nothing.
      await client.agents.undrain(first?.id ?? "");
      const dataDir = join(stage.folder, "agents/two");
      const drain = await spawnCli(["agent", "drain", "--data-dir", dataDir], {
        logFile: join(stage.folder, "drain.log"),
      });
      const { code, output } = await ended(drain);
      expect([code, output]).toEqual([0, expect.stringContaining("Drained: nothing executes here")]);
      expect(await end(slow)).toMatchObject({ status: "COMPLETED" });
      const next = await trigger(6_000);
      await isUp(next);
      expect((await client.runs.timeline(next)).attempts.map(({ agentName }) => agentName)).toEqual(["one"]);

      // The first signal lets go: the container goes on, and the next start adopts it.
      one.kill("SIGTERM");
      expect(await one.untilExit()).toBe(0);
      const again = await stage.spawnAgent("one", "docker", { LONGSHORE_URL: way.url });
      expect(await end(next)).toMatchObject({ status: "COMPLETED", attemptCount: 1 });
      // The second one does not wait for anything: here for an API that does not answer what there is to report.
      const last = await trigger(2_000);
      await isUp(last);
      way.hold();
      const folder = join(stage.folder, "agents/one");
      const unreported = async () => (await askAgent(folder, "GET", "/status")).outbox.facts > 0;
      await until("there is something to report", unreported);
      again.kill("SIGTERM");
      const isStopping = () =>
        askAgent(folder, "GET", "/status").then(
          ({ free }) => free === 0,
          () => true,
        );
      await until("it has heard the first signal", isStopping);
      again.kill("SIGINT");
      expect(await again.untilExit()).toBe(130);
      await stage.spawnAgent("one", "docker");
      expect(await end(last)).toMatchObject({ status: "COMPLETED", attemptCount: 1 });
      two.kill("SIGTERM");
      expect(await two.untilExit()).toBe(0);
      expect((await foreign.inspect()).State.Running).toBe(true);
    } finally {
      await foreign.remove({ force: true });
    }
  });
});
