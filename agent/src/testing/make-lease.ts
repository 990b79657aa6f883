import type { Lease } from "@longshore/shared/contract/agent-protocol";

let count = 0;

/** A lease for a first attempt; `over` changes what a test is about. */
export const makeLease = (bundleHash: string, task: string, over: Partial<Lease> = {}): Lease => {
  const at = new Date().toISOString();
  const runId = over.runId ?? `run_test${process.pid}x${++count}`;
  return {
    runId,
    epoch: 1,
    attempt: 1,
    kind: "start",
    task,
    payload: null,
    payloadType: "application/json",
    deployment: { id: "deployment_1", version: "20261101.1", bundleHash, entry: "tasks.mjs" },
    environmentId: "env_1",
    env: {},
    machine: "small-1x",
    maxDurationS: null,
    runToken: "run-token",
    waits: [],
    context: {
      attempt: { number: over.attempt ?? 1, startedAt: at },
      run: { id: runId, tags: [], isTest: false, createdAt: at, startedAt: at },
      task: { id: task, filePath: "tasks.ts" },
      queue: { id: "queue_1", name: "default" },
      environment: { id: "env_1", slug: "dev", type: "DEVELOPMENT" },
      organization: { id: "org_1", slug: "o", name: "O" },
      project: { id: "proj_1", ref: "proj_ref", slug: "p", name: "P" },
      machine: { name: "small-1x", cpu: 0.5, memory: 0.5 },
    },
    ...over,
  };
};
