import type { CompletedWait, WaitSpec } from "@longshore/shared/contract/agent-protocol";
import type { RunContext } from "@longshore/shared/contract/run-context";
import type { TaskHost } from "../host.ts";

/** A context with every required field, for tests. */
export const testContext: RunContext = {
  attempt: { number: 1, startedAt: "2026-01-01T00:00:00.000Z" },
  run: {
    id: "run_parent",
    tags: [],
    isTest: false,
    createdAt: "2026-01-01T00:00:00.000Z",
    startedAt: "2026-01-01T00:00:00.000Z",
  },
  task: { id: "parent", filePath: "src/trigger/parent.ts" },
  queue: { id: "queue_1", name: "task/parent" },
  environment: { id: "env_1", slug: "dev", type: "DEVELOPMENT" },
  organization: { id: "org_1", slug: "org", name: "Org" },
  project: { id: "proj_1", ref: "proj_1", slug: "project", name: "Project" },
  deployment: { id: "deployment_1", shortCode: "abc", version: "20260101.1", runtime: "node" },
};

export type FakeHost = TaskHost & {
  waits: WaitSpec[][];
  requests: { path: string; method: string; headers: Record<string, string>; body: unknown }[];
  lines: { level: string; message: string; attributes: unknown }[];
  cancel(): void;
};

/** A host that records what the SDK asks of it and answers what the test says. */
export const createFakeHost = (answers: {
  respond?: (path: string) => Response;
  complete?: (specs: WaitSpec[]) => CompletedWait[];
  waitInProcessMs?: number;
}): FakeHost => {
  const abort = new AbortController();
  const host: FakeHost = {
    context: testContext,
    signal: abort.signal,
    waitInProcessMs: answers.waitInProcessMs ?? 5_000,
    waits: [],
    requests: [],
    lines: [],
    cancel: () => abort.abort(new Error("the run was cancelled")),
    request: async (path, init) => {
      const body: unknown = init.body === null ? null : JSON.parse(init.body);
      host.requests.push({ path, method: init.method, headers: init.headers, body });
      return answers.respond?.(path) ?? Response.json({ error: "no answer was planned" }, { status: 404 });
    },
    wait: async (specs) => {
      host.waits.push(specs);
      return answers.complete?.(specs) ?? [];
    },
    log: (level, message, attributes) => {
      host.lines.push({ level, message, attributes });
    },
  };
  return host;
};
