import type { AgentDrain, AgentList, ScaleHint, TaskList } from "@longshore/shared/contract/dashboard";
import type { Deployment } from "@longshore/shared/contract/deployments";
import type { RunExplanation, RunLogs, RunTimeline } from "@longshore/shared/contract/runs";
import { type Api, createApi } from "./http/api.ts";
import { listPages, type PagePromise } from "./http/pages.ts";
import type { RequestRetry } from "./http/retry-rules.ts";
import { fetchTransport } from "./http/transport.ts";
import { type RunSource, type RunsClient, runPath, runsOf } from "./runs.ts";
import { type TasksClient, tasksOf } from "./tasks.ts";

/** Where an isolated client goes and what signs its requests. */
export type CreateClientOptions = {
  baseURL: string;
  /** A key or token, or a function that answers the one to use now (a browser renews a short-lived one). */
  accessToken: string | (() => string);
  retry?: Partial<RequestRetry>;
  fetch?: typeof fetch;
};

/** What the dashboard asks about a run, beside what code asks. */
export type RunDetails = {
  /** What happened to the run: events, attempts and waits, oldest first. */
  timeline(run: RunSource): Promise<RunTimeline>;
  /** Its log, oldest first; pass `next` as `after` to go on. */
  logs(run: RunSource, query?: { after?: string; limit?: number }): Promise<RunLogs>;
  /** Why the run is where it is. */
  explain(run: RunSource): Promise<RunExplanation>;
};

/** One environment behind one key, apart from `configure` and from the task that may run here. */
export type Client = Api & {
  tasks: TasksClient & { list(): Promise<TaskList> };
  runs: RunsClient & RunDetails;
  agents: {
    list(): Promise<AgentList>;
    /** It takes no more runs; those it has go on. */
    drain(agentId: string): Promise<AgentDrain>;
    undrain(agentId: string): Promise<AgentDrain>;
    /** How many slots the pool's runs could use now. */
    scale(): Promise<ScaleHint>;
  };
  deployments: { list(query?: { limit?: number; after?: string }): PagePromise<Deployment> };
};

// The schemas are loaded when they are first needed, and left out of bundles that make no client.
const runSchemas = () => import("@longshore/shared/contract/runs");
const dashboardSchemas = () => import("@longshore/shared/contract/dashboard");
const deploymentSchemas = () => import("@longshore/shared/contract/deployments");

const changeDrain = async (api: Api, agentId: string, verb: "drain" | "undrain"): Promise<AgentDrain> =>
  api.request(
    (await dashboardSchemas()).AgentDrain,
    "POST",
    `/api/v1/agents/${encodeURIComponent(agentId)}/${verb}`,
  );

const runDetailsOf = (api: Api): RunDetails => ({
  timeline: async (run) => api.request((await runSchemas()).RunTimeline, "GET", runPath(1, run, "/events")),
  logs: async (run, query = {}) =>
    api.request((await runSchemas()).RunLogs, "GET", runPath(1, run, "/logs"), { query }),
  explain: async (run) =>
    api.request((await runSchemas()).RunExplanation, "GET", runPath(1, run, "/explain")),
});

/** Makes an isolated client. `request(schema, method, path, { query, body })` reaches every other endpoint. */
export const createClient = (options: CreateClientOptions): Client => {
  const { accessToken, baseURL } = options;
  const api = createApi({
    transport: () =>
      fetchTransport({
        baseURL,
        accessToken: typeof accessToken === "function" ? accessToken() : accessToken,
        ...(options.fetch ? { fetch: options.fetch } : {}),
      }),
    ...(options.retry ? { retry: options.retry } : {}),
  });
  return {
    ...api,
    tasks: {
      // Another environment, perhaps: a run of this one is no parent there.
      ...tasksOf(
        () => api,
        () => ({}),
      ),
      list: async () => api.request((await dashboardSchemas()).TaskList, "GET", "/api/v1/tasks"),
    },
    runs: { ...runsOf(() => api), ...runDetailsOf(api) },
    agents: {
      list: async () => api.request((await dashboardSchemas()).AgentList, "GET", "/api/v1/agents"),
      drain: (id) => changeDrain(api, id, "drain"),
      undrain: (id) => changeDrain(api, id, "undrain"),
      scale: async () => api.request((await dashboardSchemas()).ScaleHint, "GET", "/api/v1/agents/scale"),
    },
    deployments: {
      list: ({ limit, after } = {}) =>
        listPages(api, "/api/v1/deployments", { "page[size]": limit, "page[after]": after }, async (value) =>
          (await deploymentSchemas()).Deployment.parse(value),
        ),
    },
  };
};
