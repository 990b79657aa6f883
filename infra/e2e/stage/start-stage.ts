import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Agent, startAgent } from "@longshore/agent/agent";
import { type AgentConfig, agentConfig } from "@longshore/agent/config";
import { startServer } from "@longshore/edge-api/platform/node";
import { type Client, createClient } from "@longshore/sdk";
import { type DeployedProject, deployProject } from "longshore/deploy/deploy";
import { makeTempFolder } from "../../src/services/temp-folder.ts";
import { needs } from "../../src/testing/need.ts";
import { findContainers, findProcesses } from "./leftovers.ts";
import { type Part, spawnPart } from "./spawn-part.ts";
import { until } from "./until.ts";

/** An API that tests talk to: one in this process, or one they started themselves. */
export type StageApi = { url: string; apiKey: string; enrolToken(): Promise<string>; close(): Promise<void> };

export type Runtime = "process" | "docker";

/** One API and its agents, and what a test does with them. */
export type Stage = {
  url: string;
  apiKey: string;
  client: Client;
  /** Goes with the stage. */
  folder: string;
  /** Debug: what the API logged. */
  log: string[];
  agent(over?: Partial<AgentConfig>): Promise<Agent>;
  /** The agent as a process of its own, to be killed; the same name is the same agent. */
  spawnAgent(name: string, runtime: Runtime, env?: Record<string, string>): Promise<Part>;
  /** Writes a project. Shape: its folder. */
  project(files: Record<string, string>): string;
  deploy(dir: string): Promise<DeployedProject>;
  logsOf(runId: string): Promise<string[]>;
  /** Ends everything. Errors: throws when a container or a process of one of the agents is left. */
  close(): Promise<void>;
};

const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** An API in this process, on an embedded Postgres. */
export const embeddedApi = async (
  folder: string,
  log: string[],
  env: Record<string, string> = {},
): Promise<StageApi> => {
  const server = await startServer(env, {
    port: 0,
    dataDir: join(folder, "server"),
    log: (line) => log.push(line),
  });
  const { apiKey, enrolToken } = server.bootstrap;
  if (apiKey === null) throw new Error("the embedded server kept no key");
  return { url: server.url, apiKey, enrolToken, close: server.close };
};

/** Whatever this machine has: what a test is about is seldom how many runs fit. */
const ample = { cpus: 64, memoryMb: 65_536 };
const dockerSettings = () => ({
  ...ample,
  dockerHost: needs("docker") as string,
  runnerImage: needs("runnerImage") as string,
});

/** Errors: when something of these agents is left after a short while. */
const expectNothingLeft = async (folder: string, agentIds: readonly string[]): Promise<void> => {
  const dockerHost = needs("docker");
  const look = async (): Promise<string[]> => {
    const labels = agentIds.map((id) => `dev.longshore.agent=${id}`);
    const found = dockerHost ? await Promise.all(labels.map((one) => findContainers(dockerHost, one))) : [];
    return [...found.flat(), ...findProcesses(join(folder, "agents"))];
  };
  await until("nothing is left", async () => (await look()).length === 0, { withinMs: 10_000, saw: look });
};

export const startStage = async (
  name: string,
  openApi: (folder: string, log: string[]) => Promise<StageApi> = embeddedApi,
): Promise<Stage> => {
  const temp = makeTempFolder(`e2e-${name}`);
  const folder = temp.path;
  const log: string[] = [];
  const api = await openApi(folder, log);
  const client = createClient({ baseURL: api.url, accessToken: api.apiKey });
  const agents: Agent[] = [];
  const spawned = new Map<string, { part: Part; config: AgentConfig }>();
  const agentIds = new Set<string>();
  let projects = 0;
  const dataDirOf = (agentName: string) => join(folder, "agents", agentName);

  const agent: Stage["agent"] = async (over = {}) => {
    const agentName = over.name ?? "e2e";
    const started = await startAgent(
      agentConfig({
        url: api.url,
        dataDir: dataDirOf(agentName),
        name: agentName,
        runtime: "process",
        slots: 4,
        enrolToken: await api.enrolToken(),
        endRunsOnStop: true,
        ...(over.runtime === "docker" ? dockerSettings() : {}),
        ...over,
      }),
      { logger: quiet },
    );
    agents.push(started);
    agentIds.add(started.agentId);
    return started;
  };
  const spawnAgent: Stage["spawnAgent"] = async (agentName, runtime, env = {}) => {
    const dataDir = dataDirOf(agentName);
    mkdirSync(dataDir, { recursive: true });
    const { dockerHost, runnerImage } = dockerSettings();
    const isNew = !spawned.has(agentName);
    const part = await spawnPart("agent/src/main.ts", [], {
      logFile: join(folder, `${agentName}.log`),
      env: {
        LONGSHORE_URL: api.url,
        LONGSHORE_AGENT_DATA: dataDir,
        LONGSHORE_AGENT_NAME: agentName,
        LONGSHORE_RUNTIME: runtime,
        ...(isNew ? { LONGSHORE_ENROL_TOKEN: await api.enrolToken() } : {}),
        ...(runtime === "docker" ? { DOCKER_HOST: dockerHost, LONGSHORE_RUNNER_IMAGE: runnerImage } : {}),
        LONGSHORE_CPUS: String(ample.cpus),
        LONGSHORE_MEMORY_MB: String(ample.memoryMb),
        ...env,
      },
    });
    const docker = runtime === "docker" ? dockerSettings() : {};
    spawned.set(agentName, {
      part,
      config: agentConfig({
        url: api.url,
        dataDir,
        name: agentName,
        runtime,
        endRunsOnStop: true,
        ...docker,
      }),
    });
    return part;
  };
  const close = async (): Promise<void> => {
    try {
      await Promise.all(agents.map((one) => one.stop()));
      for (const { part, config } of spawned.values()) {
        part.kill("SIGKILL");
        await part.untilExit();
        // Whatever a test left running is ended by an agent that ends its runs; a revoked one cannot start.
        const last = await startAgent(config, { logger: quiet }).catch(() => null);
        if (last) agentIds.add(last.agentId);
        await last?.stop();
      }
      await expectNothingLeft(folder, [...agentIds]);
    } finally {
      await api.close();
      temp.remove();
    }
  };

  return {
    url: api.url,
    apiKey: api.apiKey,
    client,
    folder,
    log,
    agent,
    spawnAgent,
    project(files) {
      const dir = join(folder, `project-${++projects}`);
      const all = { "longshore.config.ts": 'export default { project: "e2e" };\n', ...files };
      for (const [file, text] of Object.entries(all)) {
        mkdirSync(dirname(join(dir, file)), { recursive: true });
        writeFileSync(join(dir, file), text);
      }
      return dir;
    },
    deploy: (dir) => deployProject({ dir, apiUrl: api.url, apiKey: api.apiKey }),
    logsOf: async (runId) => (await client.runs.logs(runId)).lines.map(({ message }) => message.trimEnd()),
    close,
  };
};
