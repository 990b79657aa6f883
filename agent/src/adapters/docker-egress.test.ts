import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "@longshore/shared/core/clock";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { egressFor } from "../core/egress.ts";
import { type AttackStage, openAttackStage } from "../testing/attack-stage.ts";
import { attackTable } from "../testing/attacks.ts";
import { hasDocker, testRunnerImage } from "../testing/docker-image.ts";
import { canMakeOutside, type OutsideWorld, openOutside, outside } from "../testing/outside-world.ts";
import { openEgress } from "./docker-egress.ts";
import { setEgressRules } from "./firewall.ts";

const available = await hasDocker();
const hasOutside = available && (await canMakeOutside());
const { note, print } = attackTable();

type Reached = Record<string, string>;

describe.skipIf(!hasOutside)("the network of a run's container", () => {
  const docker = new Docker();
  const { network, bridge, chain } = egressFor([]);
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
    timeout: 90_000,
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

  test("does not lead to another container", { timeout: 60_000 }, async () => {
    const { harness } = stage;
    const listener = stage.start("listen");
    const said = await harness.api.until("the listener", () => harness.lines(listener.runId)[0], 30_000);
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

  test("of an operator who lists a range leads there, and nowhere else", { timeout: 60_000 }, async () => {
    const reached = await reachWith({ egressAllow: ["10.213.0.0/16"] });
    expect(reached).toMatchObject({
      private10: "reached",
      internet: "reached",
      metadata: "ECONNREFUSED",
      private192: "ECONNREFUSED",
    });
  });

  test("is the agents' own, and its rules come back when they are removed", { timeout: 30_000 }, async () => {
    const seen = await docker.getNetwork(network).inspect();
    expect(seen.Options).toMatchObject({
      "com.docker.network.bridge.enable_icc": "false",
      "com.docker.network.bridge.name": bridge,
    });
    const iptables = (...args: string[]) => promisify(execFile)("iptables", args);
    await iptables("-D", "INPUT", "-i", bridge, "-j", chain);
    expect(await setEgressRules(egressFor([]))).toEqual({ kind: "set", changed: true });
    expect(await setEgressRules(egressFor([]))).toEqual({ kind: "set", changed: false });
    // A rule that others put before ours would decide first.
    await iptables("-I", "INPUT", "1", "-i", bridge, "-j", "ACCEPT");
    try {
      expect(await setEgressRules(egressFor([]))).toEqual({ kind: "set", changed: true });
      const rules = (await iptables("-S", "INPUT")).stdout
        .split("\n")
        .filter((line) => line.includes(bridge));
      expect(rules).toEqual([`-A INPUT -i ${bridge} -j ${chain}`, `-A INPUT -i ${bridge} -j ACCEPT`]);
    } finally {
      await iptables("-D", "INPUT", "-i", bridge, "-j", "ACCEPT");
    }
  });
});

/** A monotonic clock that is a minute further at each look. */
const leaps = () => {
  let now = 0;
  return () => {
    now += 60_000;
    return now;
  };
};

test("without rules there is no network rather than an open one, and the log says why", async () => {
  const said: string[] = [];
  const warn = (message: string, details?: object) => void said.push(`${message} ${JSON.stringify(details)}`);
  const open = openEgress({
    network: "filtered",
    allow: [],
    markPath: join("/", "nowhere", "nobody-writes-this"),
    host: undefined,
    logger: { info: () => {}, warn, error: () => {} },
    clock: { ...systemClock, monotonic: leaps(), sleep: async () => {} },
    signal: new AbortController().signal,
  });
  expect(await open()).toBe("none");
  expect(said.join()).toMatch(/containers get no network.*nobody has set the rules/);
});
