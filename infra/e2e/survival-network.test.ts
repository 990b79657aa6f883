import { spawnSync } from "node:child_process";
import { egressFor } from "@longshore/agent/core/egress";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureRunnerBase } from "../src/images/ensure-runner-base.ts";
import { connectDocker } from "../src/services/connect-docker.ts";
import { isRunning } from "../src/services/service.ts";
import { type OwnDocker, startDocker } from "../src/services/start-docker.ts";
import { hasRealParts, realApi } from "./stage/real-api.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const tasks = `
import { task } from "@longshore/sdk";
export const brief = task({
  id: "brief",
  run: async () => {
    console.log("up");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return "slept";
  },
});
`;

/** Rules are the host's: they would outlive the test. */
const removeRules = (bridge: string, chain: string): void => {
  for (const program of ["iptables", "ip6tables"]) {
    for (const place of ["INPUT", "DOCKER-USER", "FORWARD"])
      spawnSync(program, ["-D", place, "-i", bridge, "-j", chain]);
    for (const step of ["-F", "-X"]) spawnSync(program, [step, chain]);
  }
};

/** All that this engine has for networks: one. */
const pool = `10.216.${process.pid % 250}.0/24`;

describe.skipIf(!hasRealParts || process.getuid?.() !== 0)("an engine with one pool of addresses", () => {
  let stage: Stage;
  let engine: OwnDocker;
  let image: string;
  beforeAll(async () => {
    stage = await startStage("survival-network", realApi({}));
    await stage.deploy(stage.project({ "trigger/tasks.ts": tasks }));
    const started = await startDocker(["--default-address-pool", `base=${pool},size=24`]);
    if (!isRunning(started)) throw new Error(started.missing);
    engine = started;
    image = (await ensureRunnerBase(connectDocker(engine.url))).image;
  }, 120_000);
  afterAll(async () => {
    await stage?.close();
    await engine?.stop();
  }, 60_000);

  test("has no addresses for the containers' network: nothing is claimed, the reason is said, and a free pool is enough", {
    timeout: 180_000,
  }, async () => {
    const docker = connectDocker(engine.url);
    const egressAllow = ["203.0.113.12/32"];
    const { network, bridge, chain } = egressFor(egressAllow);
    const occupied = await docker.createNetwork({ Name: "somebody-elses" });
    const over = { name: "poolless", dockerHost: engine.url, runnerImage: image, egressAllow, startS: 90 };
    const agent = await stage.agent({ ...over, runtime: "docker" });
    try {
      expect(agent.status()).toMatchObject({ free: 0, runtime: "docker" });
      expect(agent.status().problems.join()).toMatch(
        new RegExp(`network ${network} cannot be had: Docker says: .*address pool.*docker network prune`),
      );
      const { id } = await stage.client.tasks.trigger("brief", {});
      const why = await until("the reason", async () => {
        const { sentence } = await stage.client.runs.explain(id);
        return sentence.includes("cannot be had") && sentence;
      });
      expect(why).toContain("address pool");
      expect((await stage.client.agents.list()).data).toContainEqual(
        expect.objectContaining({ name: "poolless", heldBack: expect.stringContaining("address pool") }),
      );
      expect((await stage.client.runs.timeline(id)).attempts).toEqual([]);
      await occupied.remove();
      await until("the run is up", async () => (await stage.logsOf(id)).includes("up"), { withinMs: 60_000 });
      const [container] = await docker.listContainers();
      expect(Object.keys(container?.NetworkSettings.Networks ?? {})).toEqual([network]);
      expect(await stage.client.runs.poll(id, { pollIntervalMs: 150 })).toMatchObject({
        status: "COMPLETED",
        attemptCount: 1,
      });
      expect(agent.status().problems).toEqual([]);
    } finally {
      await agent.stop();
      for (const one of [network, "somebody-elses"])
        await docker
          .getNetwork(one)
          .remove()
          .catch(() => undefined);
      removeRules(bridge, chain);
    }
  });
});
