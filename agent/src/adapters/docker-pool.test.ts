import Docker from "dockerode";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Agent } from "../agent.ts";
import type { AgentConfig } from "../config.ts";
import { boxesOf, boxRecords } from "../testing/boxes-of.ts";
import { hasDocker, testRunnerImage } from "../testing/docker-image.ts";
import { type Harness, makeHarness } from "../testing/harness.ts";
import { taskFiles } from "../testing/make-bundle.ts";
import { makeLease } from "../testing/make-lease.ts";
import { labelNames } from "./docker-options.ts";

const available = await hasDocker();

/** What the code does when it is loaded, and what a run then sees. */
const prelude = `
const loadedAt = Date.now();
const ticking = setInterval(() => { const end = Date.now() + 50; while (Date.now() < end); }, 50);
`;
const tasks = {
  look: `run: async () => {
    const fs = await import("node:fs");
    return { pid: process.pid, loadedAt, startedAt: Date.now(), bundle: fs.readdirSync("/longshore/bundle") };
  }`,
  leave: `run: async () => {
    const { spawn } = await import("node:child_process");
    spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" }).unref();
  }`,
  hop: `run: async () => {
    const { spawn } = await import("node:child_process");
    const options = { detached: true, stdio: "ignore", env: { ...process.env } };
    options.env.NEXT = 'require("child_process").spawn(process.execPath, ["-e", process.env.NEXT], '
      + '{ detached: true, stdio: "ignore" }).unref()';
    spawn(process.execPath, ["-e", options.env.NEXT], options).unref();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }`,
  fill: `run: async () => {
    const fs = await import("node:fs");
    fs.mkdirSync("/tmp/deep/er", { recursive: true });
    fs.writeFileSync("/dev/shm/left", "by a run");
    fs.symlinkSync("/longshore/bundle", "/tmp/deep/link");
    try {
      for (let nth = 0; ; nth++) fs.writeFileSync("/tmp/deep/er/" + nth, Buffer.alloc(4 * 1024 * 1024));
    } catch (error) {
      return { code: error.code };
    }
  }`,
  lock: `run: async () => {
    const fs = await import("node:fs");
    fs.mkdirSync("/tmp/locked");
    fs.writeFileSync("/tmp/locked/file", "by a run");
    fs.chmodSync("/tmp/locked", 0);
  }`,
  write: `run: async () => {
    const fs = await import("node:fs");
    const found = ["/tmp", "/dev/shm"].flatMap((path) => fs.readdirSync(path));
    fs.writeFileSync("/tmp/mine", Buffer.alloc(8 * 1024 * 1024));
    return { found, bundle: fs.readdirSync("/longshore/bundle") };
  }`,
  count: `run: async () => {
    const fs = await import("node:fs");
    // A dead child of a process that rested is asked for only now.
    const lives = (pid) => { try { return !/\\) Z /.test(fs.readFileSync("/proc/" + pid + "/stat", "utf8")); } catch { return false; } };
    return fs.readdirSync("/proc").filter((name) => Number(name) > 0 && lives(name)).length;
  }`,
  light: `run: async () => (await host().wait([{ kind: "token", id: "waitpoint_1" }]))[0].output`,
  heavy: `run: async () => {
    const kept = Buffer.alloc(150 * 1024 * 1024, 1);
    await host().wait([{ kind: "token", id: "waitpoint_2" }]);
    return kept.length;
  }`,
  slow: `run: () => new Promise((resolve) => setTimeout(resolve, 1500))`,
};

/** The files of the bundle, and no others, are what a run may see of it. */
const bundled = async (): Promise<string[]> => Object.keys(await taskFiles(tasks)).sort();

describe.skipIf(!available)("the pool of runner containers", { timeout: 120_000 }, () => {
  const docker = new Docker();
  let image: string;
  let harness: Harness;
  let hash: string;

  beforeAll(async () => {
    image = await testRunnerImage();
  }, 120_000);
  const agentIds: string[] = [];
  afterEach(() => harness?.close(), 30_000);
  afterAll(async () => {
    const found = agentIds.map((id) =>
      docker.listContainers({ all: true, filters: { label: [`${labelNames.agent}=${id}`] } }),
    );
    expect((await Promise.all(found)).flat().map(({ Names }) => Names)).toEqual([]);
  });

  const begin = async (
    pool: Partial<AgentConfig["pool"]>,
    over: Partial<AgentConfig> = {},
  ): Promise<Agent> => {
    harness = await makeHarness({
      runtime: "docker",
      runnerImage: image,
      network: "none",
      pool: { min: 0, buffer: 0, idleMs: 60_000, memoryMbMax: 4_096, forked: 0, ...pool },
      ...over,
    });
    hash = await harness.bundle(tasks, prelude);
    const agent = await harness.start();
    agentIds.push(agent.agentId);
    return agent;
  };
  const until = async (
    what: string,
    isTrue: () => boolean | Promise<boolean>,
    ms = 45_000,
  ): Promise<void> => {
    const endsAt = Date.now() + ms;
    while (!(await isTrue())) {
      if (Date.now() > endsAt) throw new Error(`waited ${ms} ms for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const ours = async (agent: Agent) =>
    docker.listContainers({ all: true, filters: { label: [`${labelNames.agent}=${agent.agentId}`] } });
  type Seen = { pid: number; loadedAt: number; startedAt: number; bundle: string[] };
  const output = async <T>(
    task: keyof typeof tasks,
    over: Parameters<typeof makeLease>[2] = {},
  ): Promise<T> => {
    const lease = makeLease(hash, task, over);
    harness.api.lease(lease);
    const final = await harness.final(lease.runId, 45_000);
    expect(final).toMatchObject({ kind: "completed" });
    return JSON.parse((final as { output: string | null }).output ?? "{}").json as T;
  };
  const isWarm = (agent: Agent, count: number) => () => agent.status().pool.warm === count;
  const isPrepared = (agent: Agent) => () => agent.status().pool.prepared > 0;

  test("a run takes a container that was up before it came, the next one an executor that has its code", async () => {
    const agent = await begin({ min: 1, forked: 1 });
    await until("a generic container in which Node is up", () => agent.status().pool.forked === 1);
    const [before] = await ours(agent);
    const first = await output<Seen>("look");
    await until("the successor", isPrepared(agent));
    // What the first executor took is told two seconds after it was started, unless it has got a run.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(isPrepared(agent)()).toBe(true);
    const askedAt = Date.now();
    const second = await output<Seen>("look");
    expect((await boxRecords(harness.config.dataDir)).filter(({ binding }) => binding)).toHaveLength(1);
    expect((await ours(agent)).map(({ Id }) => Id)).toContain(before?.Id);
    // The runner, and the one process that it had started ahead.
    expect(first.pid).toBeLessThan(before === undefined ? 0 : 30);
    expect(second.pid).not.toBe(first.pid);
    expect(second.loadedAt).toBeLessThan(askedAt);
    expect(first.bundle.sort()).toEqual(await bundled());
    await agent.stop();
    expect(await ours(agent)).toEqual([]);
  });

  test("a container serves one deployment of one environment", async () => {
    const agent = await begin({});
    const boxOf = async (over: Parameters<typeof makeLease>[2]) => {
      const lease = makeLease(hash, "slow", over);
      harness.api.lease(lease);
      const keys = new Set<string>();
      await until("its record", async () => {
        for (const key of await boxesOf(harness.config.dataDir, lease.runId)) keys.add(key);
        return keys.size > 0;
      });
      await harness.final(lease.runId, 45_000);
      await until("its end", () => agent.status().free === agent.status().slots);
      return [...keys][0];
    };
    const deployment = makeLease(hash, "slow").deployment;
    const one = await boxOf({});
    await until("a warm container", isWarm(agent, 1));
    const again = await boxOf({});
    await until("a warm container", isWarm(agent, 1));
    const otherEnvironment = await boxOf({ environmentId: "env_2" });
    const otherDeployment = await boxOf({ deployment: { ...deployment, id: "deployment_2" } });
    const otherMachine = await boxOf({ machine: "micro" });
    expect(again).toBe(one);
    expect(new Set([one, otherEnvironment, otherDeployment, otherMachine]).size).toBe(4);
  });

  test("what a run leaves behind is gone before the next one", async () => {
    const agent = await begin({});
    await output("leave");
    await until("the successor", isPrepared(agent));
    // The init process, the runner and the executor.
    expect(await output<number>("count")).toBeLessThanOrEqual(3);
  });

  test("what goes on forking is gone too", async () => {
    const agent = await begin({});
    await output("hop");
    await until("the successor", isPrepared(agent));
    expect(await output<number>("count")).toBeLessThanOrEqual(3);
  });

  test("a kept process is all that is left of the runs in it", async () => {
    const agent = await begin({});
    const deployment = { ...makeLease(hash, "leave").deployment, keepAlive: { maxExecutions: 50 } };
    const first = await output<Seen>("look", { deployment });
    await until("its rest", isPrepared(agent));
    await output("leave", { deployment });
    await until("its rest", isPrepared(agent));
    expect(await output<number>("count", { deployment })).toBeLessThanOrEqual(3);
    await until("its rest", isPrepared(agent));
    expect(await output<Seen>("look", { deployment })).toMatchObject({ pid: first.pid });
  });

  test("files of one run are not there for the next, also when they have filled all", async () => {
    const agent = await begin({});
    expect(await output("fill", { machine: "micro" })).toEqual({ code: "ENOSPC" });
    await until("the successor", isPrepared(agent));
    const [before] = await ours(agent);
    const seen = await output<{ found: string[]; bundle: string[] }>("write", { machine: "micro" });
    expect({ ...seen, bundle: seen.bundle.sort() }).toEqual({ found: [], bundle: await bundled() });
    expect((await ours(agent)).map(({ Id }) => Id)).toEqual([before?.Id]);
    // What cannot be removed takes the container with it.
    await output("lock", { machine: "micro" });
    await until("its end", async () => !(await ours(agent)).some(({ Id }) => Id === before?.Id));
    expect(await output("write", { machine: "micro" })).toMatchObject({ found: [] });
  });

  test("a container that waits costs no processor, with or without code that ticks", async () => {
    const agent = await begin({ min: 1 });
    await output("look");
    await until("the successor", isPrepared(agent));
    await until("a generic container", () => agent.status().pool.generic === 1);
    await new Promise((resolve) => setTimeout(resolve, 500)); // what their start leaves to be done
    const used = async () => {
      const all = await ours(agent);
      const stats = await Promise.all(
        all.map(({ Id }) => docker.getContainer(Id).stats({ stream: false, "one-shot": true })),
      );
      return stats.map(({ cpu_stats }) => cpu_stats.cpu_usage.total_usage / 1e6);
    };
    const before = await used();
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // the time under test
    const spentMs = (await used()).map((ms, nth) => ms - (before[nth] ?? 0));
    expect(spentMs).toHaveLength(2);
    // Code that ticks would take half of each second, by what it does when it is loaded.
    for (const ms of spentMs) expect(ms).toBeLessThan(100);
  });

  test("waiting and working containers together never exceed the slots", async () => {
    const agent = await begin({ min: 2, buffer: 2 }, { slots: 2 });
    await until("two generic containers", () => agent.status().pool.generic === 2);
    const leases = Array.from({ length: 4 }, (_, nth) =>
      makeLease(hash, "slow", { environmentId: `env_${nth}` }),
    );
    for (const lease of leases) harness.api.lease(lease);
    let most = 0;
    const look = setInterval(async () => {
      const running = (await ours(agent)).filter(({ State }) => State === "running");
      most = Math.max(most, running.length);
    }, 50);
    for (const lease of leases) await harness.final(lease.runId, 45_000);
    clearInterval(look);
    // One more may be on its way out when its successor is up.
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThanOrEqual(2);
  });

  test("an agent that was killed takes up its waiting containers again", async () => {
    const first = await begin({});
    await first.stop();
    const child = harness.spawn();
    await output("look");
    await until("the run's end", async () =>
      (await boxRecords(harness.config.dataDir)).some(({ run, binding }) => binding && !run),
    );
    const [before] = await boxRecords(harness.config.dataDir);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const agent = await harness.start();
    await until("the adoption", isWarm(agent, 1));
    await output("look");
    const after = await boxRecords(harness.config.dataDir);
    expect(after.map(({ key }) => key)).toEqual([before?.key]);
  });

  test("short of memory, the waiting run that takes most is ended, also by the next agent that finds it", async () => {
    const first = await begin({}, { slots: 2 });
    const [light, heavy] = [makeLease(hash, "light"), makeLease(hash, "heavy")];
    for (const lease of [light, heavy]) {
      harness.api.lease(lease);
      await until("its wait", () => harness.factsOf(lease.runId).some(({ kind }) => kind === "waiting"));
    }
    const waitingMb = async ({ runId }: typeof light) => {
      const records = await boxRecords(harness.config.dataDir);
      return records.find(({ run }) => run?.lease.runId === runId)?.run?.waitingMb ?? 0;
    };
    await until("what they take", async () => (await waitingMb(light)) > 0 && (await waitingMb(heavy)) > 0);
    expect((await waitingMb(heavy)) - (await waitingMb(light))).toBeGreaterThan(100);
    await first.stop();
    const agent = await harness.start({ memoryFreeMbMin: 10_000_000 });
    await until("the end of one", () => agent.status().held.length === 1);
    expect(agent.status().held.map(({ runId }) => runId)).toEqual([light.runId]);
    harness.api.order({ kind: "stop", runId: light.runId, epoch: light.epoch, reason: "the test is over" });
    await until("the end of all", async () => (await ours(agent)).length === 0);
  });

  test("containers that nobody uses go", async () => {
    const agent = await begin({ idleMs: 300 });
    await output("look");
    await until("their removal", async () => (await ours(agent)).length === 0);
    await until(
      "the end of their folders",
      async () => (await boxRecords(harness.config.dataDir)).length === 0,
    );
  });
});
