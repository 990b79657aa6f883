import type { AgentList } from "@longshore/shared/contract/dashboard";
import type { Deployment } from "@longshore/shared/contract/deployments";
import { type Api, createApi } from "./http/api.ts";
import { listPages, type PagePromise } from "./http/pages.ts";
import type { RequestRetry } from "./http/retry-rules.ts";
import { fetchTransport } from "./http/transport.ts";
import { type RunsClient, runsOf } from "./runs.ts";
import { type TasksClient, tasksOf } from "./tasks.ts";

export type CreateClientOptions = {
  baseURL: string;
  /** A key or token, or a function that answers the one to use now (a browser renews a short-lived one). */
  accessToken: string | (() => string);
  retry?: Partial<RequestRetry>;
  fetch?: typeof fetch;
};

/** One environment behind one key, apart from `configure` and from the task that may run here. */
export type Client = Api & {
  tasks: TasksClient;
  runs: RunsClient;
  agents: { list(): Promise<AgentList> };
  deployments: { list(query?: { limit?: number; after?: string }): PagePromise<Deployment> };
};

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
    tasks: tasksOf(() => api),
    runs: runsOf(() => api),
    agents: {
      list: async () => {
        const { AgentList } = await import("@longshore/shared/contract/dashboard");
        return api.request(AgentList, "GET", "/api/v1/agents");
      },
    },
    deployments: {
      list: ({ limit, after } = {}) =>
        listPages(api, "/api/v1/deployments", { "page[size]": limit, "page[after]": after }, async () => {
          const { Deployment } = await import("@longshore/shared/contract/deployments");
          return (value) => Deployment.parse(value);
        }),
    },
  };
};
