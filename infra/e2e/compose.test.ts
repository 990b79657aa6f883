import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { egressFor } from "@longshore/agent/core/egress";
import { EnrolTokenResponse } from "@longshore/shared/contract/dashboard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildAgentImages } from "../src/images/build-agent-image.ts";
import { aptInstall } from "../src/services/apt-install.ts";
import { connectDocker } from "../src/services/connect-docker.ts";
import { findBinary } from "../src/services/find-binary.ts";
import { runCommand } from "../src/services/run-command.ts";
import { needs } from "../src/testing/need.ts";
import { findContainers } from "./stage/leftovers.ts";
import { ended, root, spawnCli } from "./stage/spawn-part.ts";
import { embeddedApi, type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const host = needs("docker");
const image = needs("runnerImage");

/** `docker compose` where the plugin is, else docker-compose, installed if we may. */
const findCompose = async (): Promise<string[] | undefined> => {
  const docker = findBinary(["docker"]);
  if (docker && (await runCommand(docker, ["compose", "version"])).code === 0) return [docker, "compose"];
  if (!findBinary(["docker-compose"])) await aptInstall(["docker-compose"]);
  const standalone = findBinary(["docker-compose"]);
  return standalone ? [standalone] : undefined;
};
const compose = host && image ? await findCompose() : undefined;

describe.skipIf(!compose)("docker-compose.agent.yml", () => {
  const project = `longshore-e2e-${process.pid}`;
  const docker = connectDocker(host);
  let stage: Stage;
  let env: NodeJS.ProcessEnv;

  const run = async (...args: string[]): Promise<string> => {
    const [command = "", ...first] = compose as string[];
    const file = join(root, "docker-compose.agent.yml");
    const all = [...first, "-p", project, "-f", file, ...args];
    const { code, output } = await runCommand(command, all, { env, cwd: root, timeoutMs: 90_000 });
    if (code !== 0) throw new Error(`compose ${args.join(" ")} failed:\n${output}`);
    return output;
  };

  beforeAll(async () => {
    const { agent, gate, egress } = await buildAgentImages(docker, image as string);
    stage = await startStage("compose", (folder, log) => embeddedApi(folder, log, { HOST: "0.0.0.0" }));
    const bridge = (await docker.getNetwork("bridge").inspect()) as {
      IPAM: { Config: { Gateway?: string }[] };
    };
    const gateway = bridge.IPAM.Config.find(({ Gateway }) => Gateway)?.Gateway ?? "172.17.0.1";
    env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DOCKER_HOST: host,
      LONGSHORE_DOCKER_SOCKET: (host as string).replace("unix://", ""),
      LONGSHORE_URL: stage.url.replace("127.0.0.1", gateway),
      LONGSHORE_ENROL_TOKEN: (
        await stage.client.request(EnrolTokenResponse, "POST", "/api/v1/agents/enrol-tokens")
      ).token,
      LONGSHORE_AGENT_DATA: join(stage.folder, "agents/compose"),
      LONGSHORE_AGENT_NAME: "composed",
      LONGSHORE_AGENT_IMAGE: agent,
      LONGSHORE_DOCKER_GATE_IMAGE: gate,
      LONGSHORE_EGRESS_IMAGE: egress,
      LONGSHORE_RUNNER_IMAGE: image,
      LONGSHORE_SLOTS: "2",
    };
  }, 90_000);
  afterAll(async () => {
    await run("down", "-v", "-t", "5").catch(() => undefined);
    await stage?.close();
  });

  /** The image has no CLI: the host's own asks the agent through its data folder. */
  const hostCliServes = async (agentId: string): Promise<void> => {
    let count = 0;
    const cli = async (...args: string[]) => {
      const logFile = join(stage.folder, `compose-cli-${++count}.log`);
      const all = ["agent", ...args, "--data-dir", env.LONGSHORE_AGENT_DATA as string];
      return ended(
        await spawnCli(all, {
          logFile,
          env: { DOCKER_HOST: host as string, LONGSHORE_SLOTS: "2", LONGSHORE_RUNNER_IMAGE: image as string },
        }),
      );
    };
    expect(JSON.parse((await cli("status", "--json")).output)).toMatchObject({ agentId, slots: 2 });
    const doctor = await cli("doctor");
    expect(doctor.code, doctor.output).toBe(0);
    expect(doctor.output).toMatch(/container network +filtered \(longshore-egress\)/);
    expect((await cli("drain")).code).toBe(0);
    expect((await cli("status")).output).toContain("drain");
    expect((await cli("drain", "--undo")).code).toBe(0);
    expect((await cli("status")).output).not.toContain("drain");
    // Somebody who looks for them in the container starts no second agent.
    await expect(run("exec", "-T", "agent", "node", "/app/bin/agent.mjs", "status")).rejects.toThrow(
      /takes no arguments/,
    );
  };

  test("its agent runs a task through docker-gate and leaves nothing behind", {
    timeout: 240_000,
  }, async () => {
    const { client } = stage;
    await run("up", "-d");
    const agent = await until(
      "the agent is online",
      async () => (await client.agents.list()).data.find(({ slots }) => slots > 0),
      { saw: () => run("logs") },
    );
    expect(agent).toMatchObject({ name: "composed", runtime: "docker", slots: 2, status: "online" });

    await stage.deploy(join(root, "examples/hello-world"));
    const { id } = await client.tasks.trigger("hello-world", { name: "Compose" });
    const run1 = await client.runs.poll(id, { pollIntervalMs: 100 });
    expect(run1, await run("logs")).toMatchObject({
      status: "COMPLETED",
      output: { message: "Hello, Compose!" },
      attemptCount: 1,
    });

    // Its network is the filtered one, with the rules that the helper beside it has set.
    const egressOf = egressFor([]);
    const network = (await docker.getNetwork(egressOf.network).inspect()) as {
      Options: Record<string, string>;
    };
    expect(network.Options["com.docker.network.bridge.name"]).toBe(egressOf.bridge);
    expect(await run("logs", "egress")).toContain(`the rules for ${egressOf.bridge} are set`);
    expect(await run("logs", "agent")).not.toContain("cannot be had");

    const label = `com.docker.compose.project=${project}`;
    const found = await docker.listContainers({ filters: { label: [label] } });
    const inspected = await Promise.all(found.map(({ Id }) => docker.getContainer(Id).inspect()));
    const agentBox = inspected.find(({ Name }) => Name.includes("agent"));
    const folders = (agentBox?.Mounts ?? []).filter(({ Type }) => String(Type) === "bind");
    const mounted = folders.map(({ Source }) => Source);
    expect(mounted).toEqual([env.LONGSHORE_AGENT_DATA]);
    // The agent's process is not root: whoever takes it over holds no file of the host's.
    const top = (await docker.getContainer(agentBox?.Id ?? "").top({ ps_args: "-eo pid,uid,args" })) as {
      Processes: string[][];
    };
    const own = top.Processes.filter(([, , command]) => /^\S*node .*(entry|agent)[.]mjs/.test(command ?? ""));
    expect(new Set(own.map(([, uid]) => uid))).toEqual(new Set(["10001"]));
    await until(
      "the health check",
      async () =>
        (await docker.getContainer(agentBox?.Id ?? "").inspect()).State.Health?.Status === "healthy",
      { saw: async () => (await docker.getContainer(agentBox?.Id ?? "").inspect()).State.Health?.Log },
    );

    await hostCliServes(agent.id);

    // The engine makes a mounted folder that was gone, as root: the next start takes it over and away.
    const stray = join(env.LONGSHORE_AGENT_DATA as string, "runs/box_stray");
    await mkdir(join(stray, "b"), { recursive: true });
    await run("restart", "-t", "10", "agent");
    await until("the stray folder is gone", async () => !existsSync(stray), {
      saw: () => run("logs", "agent"),
    });
    expect(await run("logs", "agent")).not.toMatch(/cannot be removed|does not answer/);

    await run("down", "-t", "10");
    expect(await findContainers(host as string, label)).toEqual([]);
    expect(await findContainers(host as string, `dev.longshore.agent=${agent.id}`)).toEqual([]);
    const networks = await docker.listNetworks({ filters: { label: [label] } });
    expect(networks).toEqual([]);
    expect((await client.agents.list()).data.map(({ leased, executing }) => leased + executing)).toEqual([0]);
  });
});
