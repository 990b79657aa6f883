import type { AgentDrain, AgentList, ScaleHint, TaskList } from "@longshore/shared/contract/dashboard";
import { type AuthClient, authOf } from "./auth.ts";
import { type BatchClient, batchOf } from "./batch.ts";
import { type ConcurrencyLimitsClient, concurrencyLimitsOf } from "./concurrency-limits.ts";
import { apiOver, type ClientConfig, configuredTransport, overConfig } from "./configure.ts";
import { type DeploymentsClient, deploymentsOf } from "./deployments.ts";
import { type EnvVarsClient, envvarsOf } from "./envvars.ts";
import type { Api } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import type { RequestRetry } from "./http/retry-rules.ts";
import { fetchTransport } from "./http/transport.ts";
import { type IdempotencyKeysClient, idempotencyKeysOf } from "./idempotency-keys.ts";
import { type QueuesClient, queuesOf } from "./queues.ts";
import { type RunsClient, runsOf } from "./runs.ts";
import { type SchedulesClient, schedulesOf } from "./schedules.ts";
import { type TasksClient, tasksOf } from "./tasks.ts";
import { ambientScope, type TriggerScope } from "./trigger-scope.ts";

/** Where an isolated client goes and what signs its requests. */
export type CreateClientOptions = {
  baseURL: string;
  /** A key or token, or a function that answers the one to use now (a browser renews a short-lived one). */
  accessToken: string | (() => string);
  /** Which branch of a preview environment. */
  previewBranch?: string;
  /** Runs that it triggers are held to the newest deployment that carries this id. */
  externalDeploymentId?: string;
  retry?: Partial<RequestRetry>;
  additionalHeaders?: Record<string, string>;
  fetch?: typeof fetch;
  /** Inside a task, runs that it triggers belong to the task's run: for a client of the same environment. */
  inheritContext?: boolean;
};

/** One environment behind one key, apart from `configure` and from the task that may run here. */
export type Client = Api & {
  tasks: TasksClient & { list(): Promise<TaskList> };
  runs: RunsClient;
  batch: BatchClient;
  schedules: SchedulesClient;
  envvars: EnvVarsClient;
  queues: QueuesClient;
  concurrencyLimits: ConcurrencyLimitsClient;
  deployments: DeploymentsClient;
  idempotencyKeys: IdempotencyKeysClient;
  auth: AuthClient;
  agents: {
    list(): Promise<AgentList>;
    /** It takes no more runs; those it has go on. */
    drain(agentId: string): Promise<AgentDrain>;
    undrain(agentId: string): Promise<AgentDrain>;
    /** How many slots the pool's runs could use now. */
    scale(): Promise<ScaleHint>;
  };
};

const taskListSchema = recordDecoder<TaskList>("the list of tasks", ["data"]);
const agentListSchema = recordDecoder<AgentList>("the list of agents", ["data"]);
const drainSchema = recordDecoder<AgentDrain>("an agent's answer", ["id"]);
const scaleSchema = recordDecoder<ScaleHint>("the scale hint", []);

const agentsOf = (api: Api): Client["agents"] => {
  const change = (agentId: string, verb: "drain" | "undrain") =>
    api.request(drainSchema, "POST", `/api/v1/agents/${encodeURIComponent(agentId)}/${verb}`);
  return {
    list: () => api.request(agentListSchema, "GET", "/api/v1/agents"),
    drain: (id) => change(id, "drain"),
    undrain: (id) => change(id, "undrain"),
    scale: () => api.request(scaleSchema, "GET", "/api/v1/agents/scale"),
  };
};

/** Where a client's triggers go. A call may name another place; what it leaves out is the client's. */
const scopeOf = (options: CreateClientOptions, api: Api): TriggerScope => {
  const { accessToken } = options;
  const own = (): ClientConfig => ({
    baseURL: options.baseURL,
    accessToken: typeof accessToken === "function" ? accessToken() : accessToken,
    previewBranch: options.previewBranch,
  });
  return {
    api: (override) =>
      override ? apiOver(() => configuredTransport(overConfig(own(), override)), override) : api,
    // Another environment, perhaps: a run of this one is no parent there.
    parent: (override) => (options.inheritContext && !override ? ambientScope.parent() : {}),
    pin: (override) => ({
      externalDeploymentId: override?.externalDeploymentId ?? options.externalDeploymentId,
    }),
  };
};

/** Makes an isolated client. `request(schema, method, path, { query, body })` reaches every other endpoint. */
export const createClient = (options: CreateClientOptions): Client => {
  const { accessToken, baseURL, previewBranch, additionalHeaders, retry } = options;
  const requestOptions = { retry, additionalHeaders };
  const api = apiOver(
    () =>
      fetchTransport({
        baseURL,
        accessToken: typeof accessToken === "function" ? accessToken() : accessToken,
        ...(previewBranch ? { branch: previewBranch } : {}),
        ...(options.fetch ? { fetch: options.fetch } : {}),
      }),
    { requestOptions },
  );
  const scope = scopeOf(options, api);
  const own = () => api;
  return {
    ...api,
    tasks: { ...tasksOf(scope), list: () => api.request(taskListSchema, "GET", "/api/v1/tasks") },
    runs: runsOf(own),
    batch: batchOf(scope),
    schedules: schedulesOf(own),
    envvars: envvarsOf(own),
    queues: queuesOf(own),
    concurrencyLimits: concurrencyLimitsOf(own),
    deployments: deploymentsOf(own),
    idempotencyKeys: idempotencyKeysOf(own),
    auth: authOf(own),
    agents: agentsOf(api),
  };
};
