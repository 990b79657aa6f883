import Docker from "dockerode";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentError } from "../agent-error.ts";
import { boxesOf } from "../testing/boxes-of.ts";
import { hasDocker, testRunnerImage } from "../testing/docker-image.ts";
import { type Harness, makeHarness } from "../testing/harness.ts";
import { makeLease } from "../testing/make-lease.ts";
import { labelNames } from "./docker-options.ts";

const available = await hasDocker();

const tasks = {
  hello: `run: async (payload) => { console.log("in a box"); return payload.n + 1; }`,
  look: `run: async () => {
    const fs = await import("node:fs");
    const status = fs.readFileSync("/proc/self/status", "utf8");
    const attempt = (path) => { try { fs.writeFileSync(path, "x"); return "written"; } catch (e) { return e.code; } };
    return {
      uid: process.getuid(), gid: process.getgid(),
      caps: /CapEff:\\s*(\\w+)/.exec(status)[1], bounding: /CapBnd:\\s*(\\w+)/.exec(status)[1],
      noNewPrivs: /NoNewPrivs:\\s*(\\d)/.exec(status)[1],
      root: attempt("/file"), bundle: attempt("/longshore/bundle/file"), bin: attempt("/longshore/bin/file"),
      tmp: attempt("/tmp/file"), agentDir: fs.readdirSync("/longshore/agent"),
      docker: fs.existsSync("/var/run/docker.sock"), interfaces: Object.keys((await import("node:os")).networkInterfaces()),
      env: Object.keys(process.env).filter((name) => name.startsWith("LONGSHORE_")),
      heaps: [heapMb(), await early, await heapOf(new Worker(code, { eval: true })), await late(), await own()].map((mb) => mb >= 409 && mb < 470),
    };
  }`,
  eat: `run: async () => { console.log("eating"); const all = []; for (;;) all.push(Buffer.alloc(8 * 1024 * 1024, 1)); }`,
  whichImage: `run: async () => process.env.OF_IMAGE ?? "the agent's"`,
  slow: `run: async () => {
    for (let i = 0; i < 30; i++) { console.log("tick " + i); await new Promise((r) => setTimeout(r, 100)); }
    return "slept";
  }`,
  endless: `run: () => { console.log("up"); return new Promise(() => setInterval(() => {}, 1000)); }`,
};

const prelude = `
import { getHeapStatistics } from "node:v8";
import { Worker } from "node:worker_threads";
const heapMb = () => Math.round(getHeapStatistics().heap_size_limit / 1024 / 1024);
const code = "const { getHeapStatistics } = require('v8'); require('worker_threads').parentPort.postMessage((" + heapMb + ")())";
const heapOf = (worker) => new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
const early = heapOf(new Worker(code, { eval: true }));
const late = async () => heapOf(new (await import("node:worker_threads")).Worker(code, { eval: true }));
const own = () => heapOf(new Worker(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 64 } }));
`;

/** What the engine builds an image of. */
const packDockerfile = async (text: string): Promise<NodeJS.ReadableStream> => {
  const tar = pack();
  tar.entry({ name: "Dockerfile" }, text);
  tar.finalize();
  return tar as unknown as NodeJS.ReadableStream;
};

describe.skipIf(!available)("docker", () => {
  const docker = new Docker();
  let harness: Harness;
  let hash: string;
  let image: string;

  beforeAll(async () => {
    image = await testRunnerImage();
    const pool = { min: 0, buffer: 0, idleMs: 0, memoryMbMax: 1_024, forked: 0 };
    harness = await makeHarness({ runtime: "docker", runnerImage: image, network: "none", pool });
    hash = await harness.bundle(tasks, prelude);
  }, 120_000);
  afterAll(() => harness?.close(), 30_000);

  const run = (task: keyof typeof tasks, over: Parameters<typeof makeLease>[2] = {}) => {
    const lease = makeLease(hash, task, over);
    harness.api.lease(lease);
    return lease;
  };
  /** The containers that hold the run, as the agent's records tell. */
  const ours = async (runId: string) => {
    const boxes = await boxesOf(harness.config.dataDir, runId);
    const found = boxes.map((key) =>
      docker.listContainers({ all: true, filters: { label: [`${labelNames.dir}=${key}`] } }),
    );
    return (await Promise.all(found)).flat();
  };
  const gone = async (id: string): Promise<boolean> =>
    docker
      .getContainer(id)
      .inspect()
      .then(
        () => false,
        (error: { statusCode?: number }) => error.statusCode === 404,
      );
  const within = async (what: string, ms: number, isTrue: () => Promise<boolean>): Promise<void> => {
    const endsAt = Date.now() + ms;
    while (!(await isTrue())) {
      if (Date.now() > endsAt) throw new Error(`${what} did not happen within ${ms} ms`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };

  test("an agent gives out what its engine's host has, less the memory that is to stay free", async () => {
    const found = { cpus: undefined, memoryMb: undefined, memoryFreeMbMin: 100 };
    const other = await makeHarness({ runtime: "docker", runnerImage: image, network: "none", ...found });
    try {
      const { NCPU, MemTotal } = await docker.info();
      const capacity = { cpu: NCPU, memoryMb: Math.floor(MemTotal / 1024 / 1024) - 100 };
      expect((await other.start()).status()).toMatchObject({ capacity, room: capacity });
    } finally {
      await other.close();
    }
  });

  test("an agent killed mid-run finds its container again, and it completes once", {
    timeout: 60_000,
  }, async () => {
    const lease = makeLease(hash, "slow");
    const first = harness.spawn();
    harness.api.lease(lease);
    await harness.api.until("some lines", () => harness.lines(lease.runId).length >= 3, 20_000);
    const before = await ours(lease.runId);
    first.kill("SIGKILL");
    await new Promise((resolve) => first.once("exit", resolve));
    const second = harness.spawn();
    expect(await harness.final(lease.runId, 25_000)).toMatchObject({ kind: "completed", output: "slept" });
    expect(before).toHaveLength(1);
    expect(harness.lines(lease.runId)).toEqual(Array.from({ length: 30 }, (_, i) => `tick ${i}`));
    expect(harness.factsOf(lease.runId).filter((fact) => fact.kind === "started")).toHaveLength(1);
    await within("the removal of its container", 5_000, () => gone(before[0]?.Id ?? ""));
    second.kill("SIGKILL");
    await new Promise((resolve) => second.once("exit", resolve));
  });

  test("a version that names an image runs in it; one that nobody has fails with the reason", {
    timeout: 60_000,
  }, async () => {
    const own = "longshore-image:of-a-test";
    const built = await docker.buildImage(await packDockerfile(`FROM ${image}\nENV OF_IMAGE=yes\n`), {
      t: own,
    });
    await new Promise((resolve, reject) =>
      docker.modem.followProgress(built, (error) => (error ? reject(error) : resolve(undefined))),
    );
    const agent = await harness.start();
    try {
      const leaseOf = (named: string | null) => {
        const lease = makeLease(hash, "whichImage");
        lease.deployment.image = named;
        harness.api.lease(lease);
        return harness.final(lease.runId, 25_000);
      };
      expect(await leaseOf(own)).toMatchObject({ kind: "completed", output: "yes" });
      expect(await leaseOf(null)).toMatchObject({ kind: "completed", output: "the agent's" });
      // A name of a registry that is not there: on loopback, so that the answer comes at once.
      expect(await leaseOf("127.0.0.1:1/nowhere/none:1")).toMatchObject({
        kind: "released",
        reason: expect.stringContaining(
          "The image 127.0.0.1:1/nowhere/none:1 of this version is not on the agent's host",
        ),
      });
    } finally {
      await agent.stop();
      await docker.getImage(own).remove({ force: true });
    }
  });

  test("on start a leftover of ours is destroyed and a foreign container is not", {
    timeout: 30_000,
  }, async () => {
    const agent = await harness.start();
    await agent.stop();
    const make = (labels: Record<string, string>) =>
      docker.createContainer({
        Image: image,
        Cmd: ["node", "-e", "setInterval(()=>{},1e3)"],
        Labels: labels,
      });
    const leftover = await make({
      [labelNames.agent]: agent.agentId,
      [labelNames.dir]: "box_gone",
    });
    const other = await make({
      [labelNames.agent]: "agent_other",
      [labelNames.dir]: "box_other",
    });
    const foreign = await make({});
    try {
      await leftover.start();
      const next = await harness.start();
      await within("the removal of the leftover", 10_000, () => gone(leftover.id));
      await next.stop();
      expect(await gone(foreign.id)).toBe(false);
      expect(await gone(other.id)).toBe(false);
    } finally {
      for (const one of [foreign, other]) await one.remove({ force: true });
    }
  });

  describe("with an agent", () => {
    let agentId: string;
    beforeAll(async () => {
      ({ agentId } = await harness.start());
    });

    test("a run completes in a container, which is then gone", { timeout: 30_000 }, async () => {
      const lease = run("hello", { payload: `{"n":1}` });
      const final = await harness.final(lease.runId);
      expect(final).toMatchObject({ kind: "completed" });
      expect(JSON.parse((final as { output: string }).output).json).toBe(2);
      expect(harness.lines(lease.runId)).toEqual(["in a box"]);
      await within("its removal", 5_000, async () => (await ours(lease.runId)).length === 0);
    });

    test("seen from inside, there is nothing to take", { timeout: 30_000 }, async () => {
      const final = await harness.final(run("look").runId);
      expect(JSON.parse((final as { output: string }).output).json).toEqual({
        uid: 1000,
        gid: 1000,
        caps: "0000000000000000",
        bounding: "0000000000000000",
        noNewPrivs: "1",
        root: "EROFS",
        bundle: "EROFS",
        bin: "EROFS",
        tmp: "written",
        agentDir: ["agent.sock"],
        docker: false,
        interfaces: ["lo"],
        env: [],
        heaps: [true, true, true, true, false], // 80 % of half a gigabyte, and what V8 adds for new objects
      });
    });

    test("a run that eats its memory is told so, in under a second", { timeout: 40_000 }, async () => {
      const lease = run("eat", { machine: "micro" });
      const events = await docker.getEvents({
        filters: { event: ["oom"], label: [`${labelNames.agent}=${agentId}`] },
      });
      let killedAt = 0;
      events.on("data", () => {
        killedAt ||= Date.now();
      });
      await harness.api.until("its first line", () => harness.lines(lease.runId).length > 0, 15_000);
      const final = await harness.final(lease.runId, 20_000);
      expect(final).toMatchObject({ kind: "failed", error: { code: "TASK_PROCESS_OOM_KILLED" } });
      expect(killedAt).toBeGreaterThan(0);
      expect(Date.now() - killedAt).toBeLessThan(1_000);
      (events as NodeJS.ReadableStream & { destroy(): void }).destroy();
    });

    test("a container killed from outside is reported in under a second", { timeout: 30_000 }, async () => {
      const lease = run("endless");
      await harness.api.until("its first line", () => harness.lines(lease.runId).length > 0, 15_000);
      const [container] = await ours(lease.runId);
      await docker.getContainer(container?.Id ?? "").kill({ signal: "SIGKILL" });
      const killedAt = Date.now();
      expect(await harness.final(lease.runId, 5_000)).toMatchObject({ kind: "failed" });
      expect(Date.now() - killedAt).toBeLessThan(1_000);
    });

    test("a run that is stopped while frozen leaves nothing", { timeout: 30_000 }, async () => {
      const lease = run("endless");
      await harness.api.until("its first line", () => harness.lines(lease.runId).length > 0, 15_000);
      const [container] = await ours(lease.runId);
      await docker.getContainer(container?.Id ?? "").pause();
      harness.api.order({ kind: "stop", runId: lease.runId, epoch: 1, reason: "lost" });
      await within("its removal", 10_000, () => gone(container?.Id ?? ""));
    });
  });

  test("an image that was removed after the start hands the run back with a reason", {
    timeout: 30_000,
  }, async () => {
    const name = `longshore-none-${process.pid}:1`;
    await docker.getImage(image).tag({ repo: name.slice(0, -2), tag: "1" });
    const other = await makeHarness({ runtime: "docker", runnerImage: name, network: "none" });
    try {
      await other.start();
      await docker.getImage(name).remove();
      const lease = makeLease(await other.bundle(tasks), "hello");
      other.api.lease(lease);
      const final = await other.final(lease.runId, 5_000);
      expect(final).toMatchObject({ kind: "released", retryable: true });
      expect((final as { reason: string }).reason).toContain(`${name} is not on the agent's host`);
    } finally {
      await docker
        .getImage(name)
        .remove()
        .catch(() => undefined);
      await other.close();
    }
  });

  test.each(["docker", "auto"] as const)(
    "with runtime %s an image that cannot be had ends the start",
    {
      timeout: 30_000,
    },
    async (runtime) => {
      const missing = "127.0.0.1:9/longshore/none:1";
      const other = await makeHarness({ runtime, runnerImage: missing, network: "none" });
      try {
        const error = await other.start().catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(AgentError);
        const { message } = error as AgentError;
        expect(message).toMatch(new RegExp(`^The runner image ${missing} is not on this host`));
        expect(message).toContain("LONGSHORE_RUNNER_IMAGE");
        expect(message).toContain("npx tsx infra/src/build-images.ts");
        expect(message).not.toContain("\n");
      } finally {
        await other.close();
      }
    },
  );

  test("an image with volumes is refused to each run at once, by its paths, and leaves none", {
    timeout: 60_000,
  }, async () => {
    const name = `longshore-volumes-${process.pid}:1`;
    const text = `FROM ${image}\nVOLUME ["/var/cache", "/data"]\n`;
    const building = await docker.buildImage(await packDockerfile(text), { t: name });
    await new Promise<void>((resolve, reject) =>
      docker.modem.followProgress(building, (error) => (error ? reject(error) : resolve())),
    );
    const volumes = async () => (await docker.listVolumes()).Volumes.map((one) => one.Name);
    const other = await makeHarness({ runtime: "docker", runnerImage: image, network: "none" });
    try {
      const before = await volumes();
      const agent = await other.start();
      const hash = await other.bundle(tasks);
      const deployment = { id: "volumes", version: "1", bundleHash: hash, entry: "tasks.mjs", image: name };
      const leases = [1, 2].map(() => makeLease(hash, "hello", { deployment }));
      for (const lease of leases) other.api.lease(lease);
      for (const { runId } of leases) {
        const final = await other.final(runId, 10_000);
        expect(final).toMatchObject({ kind: "released", retryable: false });
        expect((final as { reason: string }).reason).toContain(
          `${name} declares volumes (/data, /var/cache)`,
        );
      }
      // It says nothing of this host: other runs are taken as before.
      expect(agent.status().problems).toEqual([]);
      const well = makeLease(hash, "hello", { payload: JSON.stringify({ n: 1 }) });
      other.api.lease(well);
      expect(await other.final(well.runId, 20_000)).toMatchObject({ kind: "completed" });
      expect((await volumes()).filter((one) => !before.includes(one))).toEqual([]);
    } finally {
      await other.close();
      await docker.getImage(name).remove();
    }
  });
});
