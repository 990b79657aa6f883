import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "@longshore/shared/core/clock";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Egress, egressFor } from "../core/egress.ts";
import { type AttackStage, openAttackStage } from "../testing/attack-stage.ts";
import { attackTable } from "../testing/attacks.ts";
import { hasDocker, testRunnerImage } from "../testing/docker-image.ts";
import { makeHarness } from "../testing/harness.ts";
import { makeLease } from "../testing/make-lease.ts";
import { canMakeOutside, type OutsideWorld, openOutside, outside } from "../testing/outside-world.ts";
import { openEgress } from "./docker-egress.ts";
import { removeEgressMark, writeEgressMark } from "./egress-mark.ts";
import { setEgressRules } from "./firewall.ts";

const available = await hasDocker();
const hasOutside = available && (await canMakeOutside());
const { note, print } = attackTable();
const silent = { info: () => {}, warn: () => {}, error: () => {} };

type Reached = Record<string, string>;

describe.skipIf(!hasOutside)("the network of a run's container", () => {
  const docker = new Docker();
  const { network, bridge } = egressFor([]);
  let image: string;
  let stage: AttackStage;
  let world: OutsideWorld;
  let onHost: Server;

  beforeAll(async () => {
    image = await testRunnerImage();
    world = await openOutside();
    onHost = createServer((_, response) => response.end("the host"));
    await new Promise<void>((resolve) => onHost.listen(0, "0.0.0.0", resolve));
    stage = await openAttackStage({ runnerImage: image });
  }, 120_000);
  afterAll(async () => {
    print();
    await stage?.harness.close();
    onHost?.close();
    await world?.close();
  }, 60_000);

  const targets = () => {
    const { port } = onHost.address() as AddressInfo;
    const own = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
      (all ?? [])
        .filter((one) => one.family === "IPv4" && !one.internal)
        .map((one): [string, string, number] => [`the host at ${name}`, one.address, port]),
    );
    return [
      ...Object.entries(outside).map(([name, address]): [string, string, number] => [name, address, 80]),
      ...own,
    ];
  };
  const reachWith = async (over: Parameters<typeof openAttackStage>[0]): Promise<Reached> => {
    const other = await openAttackStage({ runnerImage: image, ...over });
    try {
      return await other.run<Reached>("reach", { targets: targets() });
    } finally {
      await other.harness.close();
    }
  };

  test("leads to the internet alone: no metadata, no private range, no address of the host", {
    timeout: 180_000,
  }, async () => {
    const reached = await stage.run<Reached>("reach", { targets: targets() });
    for (const [name, result] of Object.entries(reached)) note(`network: ${name}`, result);
    const { internet, ...others } = reached;
    expect(internet).toBe("reached");
    // Told so at once, not left to a time-out.
    expect([...new Set(Object.values(others))]).toEqual(["ECONNREFUSED"]);
    expect(Object.keys(others).length).toBeGreaterThan(7);
    // The same servers answer a container that nothing is kept from, so this can fail.
    const unfiltered = await reachWith({ network: "bridge" });
    expect([...new Set(Object.values(unfiltered))]).toEqual(["reached"]);
  });

  test("does not lead to another container", { timeout: 150_000 }, async () => {
    const { harness } = stage;
    const listener = stage.start("listen");
    const said = await harness.api.until("the listener", () => harness.lines(listener.runId)[0], 60_000);
    const address = said.replace("listening ", "");
    // It does listen: the host reaches it.
    await new Promise<void>((resolve, reject) => {
      const socket = connect(8080, address, () => resolve(void socket.destroy())).once("error", reject);
    });
    const reached = await stage.run<Reached>("reach", { targets: [["other", address, 8080]] });
    note("network: another container", reached.other);
    expect(reached.other).toMatch(/ECONNREFUSED|SILENCE|EHOSTUNREACH/);
    stage.stop(listener.runId);
  });

  test("of an operator who lists a range leads there, and nowhere else", { timeout: 150_000 }, async () => {
    const reached = await reachWith({ egressAllow: ["10.213.0.0/16"] });
    expect(reached).toMatchObject({
      private10: "reached",
      internet: "reached",
      metadata: "ECONNREFUSED",
      private192: "ECONNREFUSED",
    });
  });

  test("is the agents' own, and made for their rules", async () => {
    const seen = await docker.getNetwork(network).inspect();
    expect(seen.Options).toMatchObject({
      "com.docker.network.bridge.enable_icc": "false",
      "com.docker.network.bridge.name": bridge,
    });
  });

  test("keeps its rules: they come back when they are removed, and before those of others", {
    timeout: 30_000,
  }, async () => {
    // Of a network that no agent uses, which another agent's look would mend.
    const egress = egressFor(["203.0.113.9/32"]);
    const iptables = (...args: string[]) => promisify(execFile)("iptables", args);
    const hook = (place: string) => [place, "-i", egress.bridge, "-j", egress.chain];
    const hooks = async (place: string) =>
      (await iptables("-S", place)).stdout.split("\n").filter((line) => line.includes(egress.bridge));
    try {
      expect(await setEgressRules(egress)).toEqual({ kind: "set", changed: true });
      expect(await setEgressRules(egress)).toEqual({ kind: "set", changed: false });
      await iptables("-D", ...hook("INPUT"));
      expect(await setEgressRules(egress)).toEqual({ kind: "set", changed: true });
      await iptables("-I", "INPUT", "1", "-i", egress.bridge, "-j", "ACCEPT");
      expect(await setEgressRules(egress)).toEqual({ kind: "set", changed: true });
      const first = `-A INPUT -i ${egress.bridge} -j ${egress.chain}`;
      expect(await hooks("INPUT")).toEqual([first, `-A INPUT -i ${egress.bridge} -j ACCEPT`]);
      expect(await hooks("DOCKER-USER")).toHaveLength(1);
    } finally {
      await iptables("-D", "INPUT", "-i", egress.bridge, "-j", "ACCEPT").catch(() => undefined);
      await unset(egress);
    }
  });
});

/** Removes the hooks and the chain that a test has set. */
const unset = async ({ chain, bridge }: Egress): Promise<void> => {
  for (const program of ["iptables", "ip6tables"]) {
    const tool = (...args: string[]) => promisify(execFile)(program, args).catch(() => undefined);
    for (const place of ["INPUT", "DOCKER-USER", "FORWARD"])
      await tool("-D", place, "-i", bridge, "-j", chain);
    await tool("-F", chain);
    await tool("-X", chain);
  }
};

/** A monotonic clock that is a minute further at each look: nobody waits long for a helper. */
const leaps = () => {
  let now = 0;
  return () => {
    now += 60_000;
    return now;
  };
};
const held = () => {
  const reasons: (string | null)[] = [];
  return { reasons, holdBack: (reason: string | null) => void reasons.push(reason) };
};

test("without rules there is no network rather than an open one, and work is held back with the reason", async () => {
  const { reasons, holdBack } = held();
  const ended = new AbortController();
  const network = openEgress({
    network: "filtered",
    goesWithout: false,
    allow: [],
    markPath: join("/", "nowhere", "nobody-writes-this"),
    host: undefined,
    holdBack,
    logger: silent,
    clock: { ...systemClock, monotonic: leaps() },
    signal: ended.signal,
  });
  await expect(network.open()).rejects.toMatchObject({ name: "StartError", retryable: true });
  expect(reasons).toEqual([
    expect.stringMatching(/longshore-egress cannot be had: nobody has set the rules/),
  ]);
  expect(reasons[0]).toContain("LONGSHORE_NETWORK");
  ended.abort();
});

test("a try-out goes without where nobody can filter it", async () => {
  const { reasons, holdBack } = held();
  const network = openEgress({
    ...{ network: "filtered", goesWithout: true, allow: [], host: undefined, holdBack, logger: silent },
    markPath: join("/", "nowhere", "nobody-writes-this"),
    clock: { ...systemClock, monotonic: leaps() },
    signal: new AbortController().signal,
  });
  expect(await network.open()).toBe("none");
  expect(reasons).toEqual([]);
});

test("an operator who wants none gets none", async () => {
  const { reasons, holdBack } = held();
  const given = { allow: [], markPath: undefined, host: undefined, goesWithout: false };
  const over = { clock: systemClock, logger: silent };
  const { signal } = new AbortController();
  expect(await openEgress({ ...given, ...over, network: "none", holdBack, signal }).open()).toBe("none");
  expect(reasons).toEqual([]);
});

test.skipIf(!available)(
  "a helper that is late ends what held work back, without anybody asking",
  { timeout: 30_000 },
  async () => {
    const { reasons, holdBack } = held();
    const folder = await mkdtemp(join(tmpdir(), "longshore-egress-"));
    const markPath = join(folder, "mark");
    const egress = egressFor([]);
    const ended = new AbortController();
    const network = openEgress({
      network: "filtered",
      goesWithout: false,
      allow: [],
      markPath,
      host: process.env.DOCKER_HOST,
      holdBack,
      logger: silent,
      clock: {
        ...systemClock,
        monotonic: leaps(),
        sleep: (_, signal) => systemClock.sleep(20, signal),
      },
      signal: ended.signal,
    });
    try {
      await expect(network.open()).rejects.toThrow(/cannot be had/);
      await writeEgressMark(markPath, egress.bridge, Date.now());
      await expect.poll(() => reasons.at(-1), { timeout: 20_000 }).toBe(null);
      expect(await network.open()).toBe(egress.network);
    } finally {
      ended.abort();
      await rm(folder, { recursive: true });
    }
  },
);

test.skipIf(!hasOutside)(
  "a network that somebody removed is made again for the run that needs it",
  { timeout: 90_000 },
  async () => {
    // Of a list that no other agent has: nobody else is in its network.
    const egressAllow = ["203.0.113.11/32"];
    const egress = egressFor(egressAllow);
    const runnerImage = await testRunnerImage();
    const harness = await makeHarness({ runtime: "docker", runnerImage, egressAllow });
    const remove = () => new Docker().getNetwork(egress.network).remove();
    try {
      const hash = await harness.bundle({ hello: "run: async () => 'hello'" });
      const agent = await harness.start();
      await remove();
      const lease = makeLease(hash, "hello");
      harness.api.lease(lease);
      expect(await harness.final(lease.runId, 30_000)).toMatchObject({ kind: "completed" });
      expect(agent.status().problems).toEqual([]);
    } finally {
      await harness.close();
      await remove().catch(() => undefined);
      await unset(egress);
    }
  },
);

/** Monotonic time and sleeps that a test moves on. */
const ownedClock = () => {
  let nowMs = 0;
  const sleepers = new Set<() => void>();
  return {
    now: () => Date.now(),
    monotonic: () => nowMs,
    sleep: (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        sleepers.add(resolve);
        signal?.addEventListener("abort", () => resolve(), { once: true });
      }),
    pass(ms: number): void {
      nowMs += ms;
      for (const wake of sleepers) wake();
      sleepers.clear();
    },
  };
};

test.skipIf(!hasOutside)(
  "an agent whose rules cannot be set again makes no container until they are",
  { timeout: 30_000 },
  async () => {
    const allow = ["203.0.113.10/32"];
    const egress = egressFor(allow);
    const clock = ownedClock();
    const ended = new AbortController();
    const given = { network: "filtered", allow, markPath: undefined, host: process.env.DOCKER_HOST };
    const over = { logger: silent, clock, holdBack: () => {}, goesWithout: false, signal: ended.signal };
    const { open } = openEgress({ ...given, ...over });
    const { PATH } = process.env;
    try {
      expect(await open()).toBe(egress.network);
      process.env.PATH = "/nowhere";
      clock.pass(60_000);
      await expect.poll(() => open().catch(String)).toMatch(/not filtered: iptables is not installed/);
      await expect(open()).rejects.toMatchObject({ name: "StartError", retryable: true });
      process.env.PATH = PATH;
      clock.pass(3_000);
      expect(await open()).toBe(egress.network);
    } finally {
      process.env.PATH = PATH;
      ended.abort();
      await new Docker()
        .getNetwork(egress.network)
        .remove()
        .catch(() => undefined);
      await unset(egress);
    }
  },
);

test.skipIf(!available)(
  "with a helper, runs that need a container go back while nobody sees to the rules",
  {
    timeout: 120_000,
  },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "longshore-egress-"));
    const egressMark = join(folder, "mark");
    const { bridge } = egressFor([]);
    const mark = (ageMs = 0) => writeEgressMark(egressMark, bridge, Date.now() - ageMs);
    await mark();
    const harness = await makeHarness({
      runtime: "docker",
      runnerImage: await testRunnerImage(),
      egressMark,
    });
    try {
      const hash = await harness.bundle({ hello: "run: async () => 'hello'" });
      await harness.start();
      let count = 0;
      /** A run of a new version, which no container that is up may serve. */
      const endOf = async () => {
        const deployment = {
          id: `deployment_${++count}`,
          version: "1",
          bundleHash: hash,
          entry: "tasks.mjs",
        };
        const lease = makeLease(hash, "hello", { deployment });
        harness.api.lease(lease);
        return harness.final(lease.runId, 30_000);
      };
      const refused = (reason: string) =>
        expect.objectContaining({
          kind: "released",
          retryable: true,
          reason: expect.stringContaining(reason),
        });
      expect(await endOf()).toMatchObject({ kind: "completed" });
      await removeEgressMark(egressMark);
      await expect.poll(endOf, { timeout: 30_000 }).toEqual(refused("is not written"));
      await mark();
      await expect.poll(endOf, { timeout: 30_000 }).toMatchObject({ kind: "completed" });
      // Its helper died: nothing takes the mark back.
      await mark(61_000);
      await expect.poll(endOf, { timeout: 30_000 }).toEqual(refused("is not renewed any more"));
    } finally {
      await harness.close();
      await rm(folder, { recursive: true });
    }
  },
);
