import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Fact } from "@longshore/shared/contract/agent-protocol";
import { nodeProgram } from "@longshore/shared/testing/node-program.fixture";
import { type Agent, startAgent } from "../agent.ts";
import { type AgentConfig, agentConfig } from "../config.ts";
import { type FakeControlPlane, startFakeControlPlane } from "./fake-control-plane.ts";
import { makeBundle, taskFiles } from "./make-bundle.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../..");

const killed = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
};

/** Debugging: LONGSHORE_TEST_LOG=1 shows what agents say. */
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

export type Harness = {
  api: FakeControlPlane;
  config: AgentConfig;
  /** Gives a bundle to the API. Shape: its hash. */
  bundle(tasks: Record<string, string>, prelude?: string): Promise<string>;
  start(over?: Partial<AgentConfig>): Promise<Agent>;
  /** The agent as a process of its own, to be killed. */
  spawn(): ChildProcess;
  factsOf(runId: string): Fact[];
  /** The run's final fact. */
  final(runId: string, ms?: number): Promise<Fact>;
  lines(runId: string): string[];
  close(): Promise<void>;
};

/** An agent with its own data folder and its own control plane. */
export const makeHarness = async (over: Partial<AgentConfig> = {}): Promise<Harness> => {
  const api = await startFakeControlPlane();
  const dataDir = await mkdtemp(join(tmpdir(), "longshore-agent-"));
  const config = agentConfig({
    url: api.url,
    dataDir,
    enrolToken: "enrol-me",
    name: "test",
    runtime: "process",
    orphanGraceMs: 20_000,
    // What a test does not ask for is not kept ready.
    pool: { min: 0, buffer: 0, idleMs: 60_000, memoryMbMax: 4_096, forked: 0 },
    // Whatever this machine has: most tests are not about how many runs fit.
    ...(over.runtime === "docker" ? { cpus: 64, memoryMb: 65_536 } : {}),
    ...(process.env.DOCKER_HOST ? { dockerHost: process.env.DOCKER_HOST } : {}),
    ...over,
  });
  const agents: Agent[] = [];
  const children: ChildProcess[] = [];
  const logger = process.env.LONGSHORE_TEST_LOG ? undefined : quiet;
  const factsOf = (runId: string) => api.facts.filter((fact) => fact.runId === runId);
  const isFinal = (fact: Fact) => ["completed", "failed", "canceled", "released"].includes(fact.kind);

  return {
    api,
    config,
    bundle: async (tasks, prelude) => api.addBundle(await makeBundle(await taskFiles(tasks, prelude))),
    async start(changed = {}) {
      const agent = await startAgent({ ...config, ...changed }, logger ? { logger } : {});
      agents.push(agent);
      return agent;
    },
    spawn() {
      const child = spawn(process.execPath, nodeProgram(root, "agent/src/main.ts"), {
        stdio: process.env.LONGSHORE_TEST_LOG ? "inherit" : "ignore",
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          LONGSHORE_URL: api.url,
          LONGSHORE_ENROL_TOKEN: config.enrolToken,
          LONGSHORE_AGENT_DATA: config.dataDir,
          LONGSHORE_RUNTIME: config.runtime,
          LONGSHORE_POOL_MIN: String(config.pool.min),
          LONGSHORE_POOL_BUFFER: String(config.pool.buffer),
          LONGSHORE_POOL_IDLE_S: String(config.pool.idleMs / 1_000),
          LONGSHORE_RUNNER_IMAGE: config.runnerImage,
          LONGSHORE_NETWORK: config.network,
          LONGSHORE_CPUS: config.cpus?.toString(),
          LONGSHORE_MEMORY_MB: config.memoryMb?.toString(),
          LONGSHORE_EGRESS_ALLOW: config.egressAllow.join(","),
          ...(config.dockerHost ? { DOCKER_HOST: config.dockerHost } : {}),
        },
      });
      children.push(child);
      return child;
    },
    factsOf,
    final: (runId, ms) => api.until(`the end of ${runId}`, () => factsOf(runId).find(isFinal), ms),
    lines: (runId) =>
      factsOf(runId).flatMap((fact) => (fact.kind === "log" ? fact.lines.map((line) => line.message) : [])),
    async close() {
      for (const child of children) await killed(child);
      await Promise.all(agents.map((agent) => agent.stop()));
      // Whatever a test left running is ended by an agent that ends its runs.
      if (children.length > 0)
        await (await startAgent({ ...config, endRunsOnStop: true }, { logger: quiet })).stop();
      await api.close();
      await rm(config.dataDir, { recursive: true, force: true });
    },
  };
};
