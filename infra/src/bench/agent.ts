import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { createClient } from "@longshore/sdk";
import type Docker from "dockerode";
import { deployProject } from "longshore/deploy/deploy";
import { ensureRunnerBase } from "../images/ensure-runner-base.ts";
import { connectDocker } from "../services/connect-docker.ts";
import { ensureDocker } from "../services/ensure-docker.ts";
import { isRunning } from "../services/service.ts";
import { makeTempFolder } from "../services/temp-folder.ts";
import { type AgentProcess, startAgentProcess } from "./agent-process.ts";
import { type Figure, percentiles, rounded } from "./figures.ts";
import { openStage, type Stage } from "./stage.ts";

/** `startedAt` is written by the API into the lease as it answers the claim: what follows is all the agent's. */
const tasks = `
import { task } from "@longshore/sdk";
export const first = task({
  id: "first-line",
  run: async (_: unknown, { ctx }) => ({ tookMs: Date.now() - ctx.attempt.startedAt.getTime() }),
});
export const nothing = task({ id: "nothing", run: async () => undefined });
`;

/** The agent's containers and the plain ones are on the same. */
const network = process.env.LONGSHORE_NETWORK ?? "bridge";

type Ground = { docker: Docker; host: string; image: string; stage: Stage };

/** A project that is deployed to the stage, and deployed again as another version of the same code. */
const deploy = async ({ stage }: Ground, config = ""): Promise<() => Promise<void>> => {
  const folder = makeTempFolder("bench-project");
  mkdirSync(join(folder.path, "trigger"));
  writeFileSync(
    join(folder.path, "longshore.config.ts"),
    `export default { project: "bench", ${config} };\n`,
  );
  writeFileSync(join(folder.path, "trigger/tasks.ts"), tasks);
  const again = async () => {
    await deployProject({ dir: folder.path, apiUrl: stage.url, apiKey: stage.apiKey });
  };
  await again();
  return again;
};

const clientOf = ({ stage }: Ground) => createClient({ baseURL: stage.url, accessToken: stage.apiKey });

const firstLine = async (ground: Ground): Promise<number> => {
  const client = clientOf(ground);
  const { id } = await client.tasks.trigger("first-line", {});
  const run = await client.runs.poll(id, { pollIntervalMs: 25 });
  const output = "output" in run ? (run.output as { tookMs?: number } | undefined) : undefined;
  if (output?.tookMs === undefined) throw new Error(`the run ended as ${run.status}`);
  return output.tookMs;
};

const agentOn = (ground: Ground, env: Record<string, string>): Promise<AgentProcess> =>
  startAgentProcess(ground.stage, {
    DOCKER_HOST: ground.host,
    LONGSHORE_RUNNER_IMAGE: ground.image,
    LONGSHORE_NETWORK: network,
    LONGSHORE_POOL_MIN: "0",
    LONGSHORE_POOL_BUFFER: "0",
    LONGSHORE_POOL_MEMORY_MB: "8192",
    // Measured is how fast runs start, not how many fit.
    LONGSHORE_CPUS: "64",
    LONGSHORE_MEMORY_MB: "65536",
    ...env,
  });

/** Plain create and start of the same image, to the first line that Node in it says. */
const dockerRun = async ({ docker, image }: Ground): Promise<number> => {
  const startedAt = performance.now();
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: ["node"],
    Cmd: ["-e", 'console.log("up")'],
    Tty: true,
    AttachStdout: true,
    HostConfig: { NetworkMode: network },
  });
  const stream = await container.attach({ stream: true, stdout: true });
  const said = new Promise<void>((resolve) => stream.once("data", () => resolve()));
  await container.start();
  await said;
  const tookMs = performance.now() - startedAt;
  await container.remove({ force: true });
  return tookMs;
};

/** A prepared executor is stopped by then: what is measured is the start after a pause. Units: milliseconds. */
const restMs = 250;

const warmStart = async (ground: Ground, samples = 40): Promise<Figure> => {
  await deploy(ground);
  const agent = await agentOn(ground, { LONGSHORE_SLOTS: "1" });
  try {
    await firstLine(ground);
    const tookMs: number[] = [];
    for (let nth = 0; nth < samples; nth++) {
      await agent.until("a prepared executor", ({ pool }) => pool.prepared === 1);
      await setTimeout(restMs);
      tookMs.push(await firstLine(ground));
    }
    return { name: "agent.warm-start", ...percentiles(tookMs) };
  } finally {
    await agent.stop();
  }
};

const pooledStart = async (ground: Ground, samples = 15): Promise<Figure> => {
  const again = await deploy(ground);
  const agent = await agentOn(ground, { LONGSHORE_SLOTS: "4", LONGSHORE_POOL_MIN: "2" });
  try {
    const tookMs: number[] = [];
    for (let nth = 0; nth < samples; nth++) {
      await again(); // no container holds this version
      await agent.until("a generic container in which Node is up", ({ pool }) => pool.forked > 0);
      tookMs.push(await firstLine(ground));
    }
    return { name: "agent.pooled-start", ...percentiles(tookMs) };
  } finally {
    await agent.stop();
  }
};

/** Both in turn, so that what else the machine does meets both. */
const emptyPoolStart = async (ground: Ground, samples = 12): Promise<Figure[]> => {
  await deploy(ground);
  const agent = await agentOn(ground, { LONGSHORE_SLOTS: "1", LONGSHORE_POOL_IDLE_S: "0" });
  try {
    await firstLine(ground); // fetches the bundle
    const ours: number[] = [];
    const plain: number[] = [];
    for (let nth = 0; nth < samples; nth++) {
      plain.push(await dockerRun(ground));
      ours.push(await firstLine(ground));
    }
    const [own, docker] = [percentiles(ours), percentiles(plain)];
    return [
      { name: "agent.docker-run", ...docker },
      { name: "agent.empty-pool-start", ...own, timesDockerRun: rounded(own.p50Ms / docker.p50Ms) },
    ];
  } finally {
    await agent.stop();
  }
};

/** The task's queue gives out nothing, or what it has. */
const setPaused = async (ground: Ground, isPaused: boolean): Promise<void> => {
  const { queues } = clientOf(ground);
  const queue = { type: "task", name: "nothing" } as const;
  await (isPaused ? queues.pause(queue) : queues.resume(queue));
};

/**
 * Runs that do nothing, from a full queue to which nothing is added: the rate between the first and the last end, without
 * the `warmUp` runs before them, in which the processes compile what they execute.
 */
const sustained = async (
  ground: Ground,
  name: string,
  { warmUp, count }: { warmUp: number; count: number },
  config = "",
): Promise<Figure> => {
  await deploy(ground, config);
  const client = clientOf(ground);
  const agent = await agentOn(ground, { LONGSHORE_SLOTS: "8" });
  try {
    const first = Array.from({ length: 16 }, () => client.tasks.trigger("nothing", {}));
    for (const { id } of await Promise.all(first)) await client.runs.poll(id, { pollIntervalMs: 50 });
    await setPaused(ground, true);
    const { http, apiKey } = ground.stage;
    const headers = { authorization: `Bearer ${apiKey}` };
    let left = warmUp + count;
    const feed = async () => {
      while (left-- > 0) await http.json("POST", "/api/v1/tasks/nothing/trigger", { payload: {} }, headers);
    };
    await Promise.all(Array.from({ length: 32 }, feed));
    await setPaused(ground, false);
    const ended = async () =>
      (
        await ground.stage.sql.query<{ n: number; from: Date; to: Date }>(
          `select count(*)::int as n, min(finished_at) as from, max(finished_at) as to from
           (select finished_at from runs where state = 'completed' and task_slug = 'nothing'
            order by finished_at offset $1) r`,
          [first.length + warmUp],
        )
      ).rows[0];
    for (;;) {
      const seen = await ended();
      if (seen && seen.n >= count) {
        const tookS = (seen.to.getTime() - seen.from.getTime()) / 1_000;
        return { name, runsPerS: rounded((count - 1) / tookS), n: count, slots: 8 };
      }
      await setTimeout(1_000);
    }
  } finally {
    await agent.stop();
  }
};

const memory = async (ground: Ground, containers = 50): Promise<Figure> => {
  const slots = String(containers);
  const env = { LONGSHORE_SLOTS: slots, LONGSHORE_POOL_MIN: slots, LONGSHORE_POOL_FORKED: "0" };
  const agent = await agentOn(ground, env);
  try {
    await agent.until("the containers", ({ pool }) => pool.generic === containers);
    const { agentId } = await agent.status();
    const found = await ground.docker.listContainers({
      filters: { label: [`dev.longshore.agent=${agentId}`] },
    });
    const used: number[] = [];
    for (const { Id } of found.slice(0, 10)) {
      const stats = await ground.docker.getContainer(Id).stats({ stream: false, "one-shot": true });
      used.push(stats.memory_stats.usage / 1024 / 1024);
    }
    const idleRunnerMb = rounded(Math.max(...used));
    return { name: "agent.memory", idleRunnerMb, agentRssMb: agent.rssMb(), containers: found.length };
  } finally {
    await agent.stop();
  }
};

const measurements: Record<string, (ground: Ground) => Promise<Figure | Figure[]>> = {
  "agent.warm-start": (ground) => warmStart(ground),
  "agent.pooled-start": (ground) => pooledStart(ground),
  "agent.empty-pool-start": (ground) => emptyPoolStart(ground),
  "agent.fresh-executors": (ground) => sustained(ground, "agent.fresh-executors", { warmUp: 40, count: 600 }),
  "agent.keep-alive": (ground) =>
    sustained(
      ground,
      "agent.keep-alive",
      { warmUp: 2_000, count: 8_000 },
      "processKeepAlive: { enabled: true, maxExecutionsPerProcess: 100000 }",
    ),
  "agent.memory": (ground) => memory(ground),
};

/** `agent.docker-run` is measured in turn with `agent.empty-pool-start`. */
export const agentFigures = Object.keys(measurements);

/**
 * The agent as it is shipped, on a real engine, with a real API and Postgres: each figure on a database of its own.
 *
 * Errors: throws when no engine answers.
 */
export const measureAgent = async (
  postgresUrl: string,
  wanted: readonly string[],
  print: (figure: Figure) => void,
): Promise<void> => {
  const engine = await ensureDocker();
  if (!isRunning(engine)) throw new Error(`these figures need Docker: ${engine.missing}`);
  try {
    const docker = connectDocker(engine.url);
    const { image } = await ensureRunnerBase(docker);
    for (const name of wanted) {
      const stage = await openStage(postgresUrl);
      try {
        const figures = await measurements[name]?.({ docker, host: engine.url, image, stage });
        for (const figure of [figures].flat()) if (figure) print(figure);
      } finally {
        await stage.close();
      }
    }
  } finally {
    await engine.stop();
  }
};
