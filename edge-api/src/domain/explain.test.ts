import { expect, test } from "vitest";
import { type Circumstances, explain } from "./explain.ts";

const base: Circumstances = {
  state: "queued",
  attempt: 0,
  isCanceling: false,
  reason: null,
  dueAt: null,
  env: { running: 0, runningMax: 10, paused: false },
  lane: { running: 0, runningMax: null, paused: false },
  queue: { name: "q", paused: false },
  concurrencyKey: "",
  ahead: 0,
  agents: { known: 1, online: 1, draining: 0, free: 1, large: 1, roomy: 1, largest: null, heldBack: null },
  region: "",
  labels: {},
  labelsMissing: [],
  machine: { name: "small-1x", cpus: 0.5, memoryMb: 512 },
  home: null,
  unheard: null,
  counters: [],
  version: { task: "a", external: null, externalStatus: null, current: "1", hasTask: true, queue: "q" },
  waits: [],
  finaliser: null,
};
const point = { kind: "time", runId: null, batchId: null, id: "waitpoint_1", dueAt: null };
const counter = { kind: "limit" as const, name: "api", key: "", running: 3, runningMax: 3, paused: false };
const offline = { name: "box", isOnline: false, lostAt: "noon" };
const online = { name: "box", isOnline: true, lostAt: "noon" };
const unheard = { name: "box", seenAt: "ten", lostAt: "noon" };
const fullLane = { running: 2, runningMax: 2, paused: false };
const fullEnv = { running: 10, runningMax: 10, paused: false };

test.each<[string, Partial<Circumstances>, string]>([
  ["final", { state: "timed_out" }, "timed out"],
  [
    "final",
    { state: "crashed", finaliser: { task: "a/finaliser", runId: null } },
    'over: crashed. Its finaliser "a/finaliser" is due.',
  ],
  [
    "final",
    { state: "crashed", finaliser: { task: "a/finaliser", runId: "run_2" } },
    "was triggered: run_2.",
  ],
  ["canceling", { state: "executing", isCanceling: true }, "cancel"],
  [
    "pending_version",
    { state: "pending_version", version: { ...base.version, external: "e" } },
    '"e", which has not been made',
  ],
  [
    "pending_version",
    { state: "pending_version", version: { ...base.version, external: "e", externalStatus: "PENDING" } },
    '"e", which is PENDING',
  ],
  [
    "pending_version",
    { state: "pending_version", version: { ...base.version, current: null } },
    "first deployment",
  ],
  ["pending_version", { state: "pending_version", version: { ...base.version, hasTask: false } }, 'task "a"'],
  ["pending_version", { state: "pending_version" }, 'queue "q"'],
  ["delayed", { state: "delayed", dueAt: "noon" }, "noon"],
  ["retry_scheduled", { state: "delayed", attempt: 2, dueAt: "noon" }, "Attempt 2"],
  ["retry_scheduled", { state: "delayed", reason: "no image", dueAt: "noon" }, "no image"],
  ["starting", { state: "leased" }, "starting"],
  ["executing", { state: "executing", attempt: 1 }, "executing"],
  ["agent_unheard", { state: "executing", unheard }, '"box" executes it and has not been heard since ten'],
  ["agent_unheard", { state: "leased", unheard }, "unless the agent is heard by noon."],
  [
    "waiting_for_run",
    { state: "waiting", home: online, waits: [{ ...point, kind: "run", runId: "run_1" }] },
    "run_1",
  ],
  ["waiting_for_time", { state: "waiting", home: online, waits: [{ ...point, dueAt: "noon" }] }, "noon"],
  [
    "waiting_for_token",
    { state: "waiting", home: online, waits: [{ ...point, kind: "token" }] },
    "waitpoint_1",
  ],
  ["home_agent_offline", { state: "waiting", home: offline }, "heard by noon"],
  ["home_agent_offline", { home: offline }, '"box"'],
  ["environment_paused", { env: { running: 0, runningMax: 1, paused: true } }, "paused"],
  ["queue_paused", { queue: { name: "q", paused: true } }, '"q"'],
  ["queue_limit", { lane: fullLane, ahead: 1 }, "2 of at most 2; 1 run ahead"],
  ["queue_limit", { lane: fullLane, concurrencyKey: "x" }, 'for the key "x"; 0 runs ahead'],
  [
    "waiting_for_batch",
    { state: "waiting", home: online, waits: [{ ...point, kind: "batch", batchId: "batch_1" }] },
    "batch_1",
  ],
  ["limit_paused", { counters: [{ ...counter, running: 0, paused: true }] }, '"api" is paused'],
  ["concurrency_limit", { counters: [counter] }, '"api" runs 3 of at most 3.'],
  ["concurrency_limit", { counters: [{ ...counter, key: "x" }] }, 'for the key "x"'],
  [
    "gate_limit",
    { counters: [{ ...counter, kind: "gate", name: "narrow" }] },
    '"narrow", which is its gate, runs 3',
  ],
  ["queue_paused", { counters: [{ ...counter, kind: "gate", name: "narrow", paused: true }] }, '"narrow"'],
  [
    "next",
    {
      counters: [
        { ...counter, runningMax: null },
        { ...counter, running: 2 },
      ],
    },
    "next",
  ],
  ["environment_limit", { env: fullEnv }, "10 of at most 10"],
  ["queue_limit", { home: online, lane: fullLane }, '"q"'],
  ["next", { home: online, queue: { name: "q", paused: true } }, "continues"],
  ["next", { home: online, counters: [{ ...counter, running: 2, paused: true }] }, "continues"],
  [
    "no_agent_online",
    { agents: { ...base.agents, known: 0, online: 0, free: 0, heldBack: null } },
    "No agent is enrolled",
  ],
  [
    "no_agent_online",
    { agents: { ...base.agents, known: 2, online: 0, free: 0, heldBack: null } },
    "2 agents",
  ],
  [
    "agents_held_back",
    {
      agents: {
        ...base.agents,
        known: 2,
        online: 1,
        free: 0,
        heldBack: { name: "box", why: "the disk is full" },
      },
    },
    '"box" takes fewer runs than it could (the disk is full)',
  ],
  [
    "agents_full",
    { agents: { ...base.agents, known: 2, online: 1, free: 0, heldBack: null } },
    "1 agent online",
  ],
  [
    "no_agent_in_region",
    { region: "eu-1", agents: { ...base.agents, known: 0, online: 0, free: 0 } },
    'an agent of the region "eu-1"; none is connected.',
  ],
  [
    "no_agent_in_region",
    { region: "eu-1", agents: { ...base.agents, known: 2, online: 0, free: 0 } },
    "none is connected (2 known, not online)",
  ],
  [
    "no_agent_with_labels",
    {
      ...{ labels: { gpu: "a100", disk: "ssd" }, labelsMissing: ["gpu"] },
      agents: { ...base.agents, known: 0, online: 0, free: 0 },
    },
    'an agent with "disk=ssd", "gpu=a100"; none that is connected has "gpu=a100".',
  ],
  [
    "no_agent_with_labels",
    {
      ...{ region: "eu-1", labels: { gpu: "a100" }, labelsMissing: [] },
      agents: { ...base.agents, known: 1, online: 0, free: 0 },
    },
    'of the region "eu-1" with "gpu=a100"; none that is connected there has all of it (1 known, not online).',
  ],
  [
    "no_agent_large_enough",
    { agents: { ...base.agents, large: 0, roomy: 0, largest: { cpus: 0.25, memoryMb: 256 } } },
    "takes 0.5 CPUs and 512 MiB; no agent online has that to give, the most is 0.25 CPUs and 256 MiB",
  ],
  ["agents_draining", { agents: { ...base.agents, draining: 1, free: 0 } }, "drained"],
  [
    "agents_full",
    { agents: { ...base.agents, online: 3, draining: 1, free: 0 } },
    "2 agents online that take runs",
  ],
  ["agents_full", { agents: { ...base.agents, roomy: 0 } }, "has that left beside what it runs"],
  ["next", {}, "next"],
  ["next", { home: online }, '"box"'],
])("%s, of %j, says %j", (code, over, words) => {
  const answer = explain({ ...base, ...over });
  expect(answer.code).toBe(code);
  expect(answer.sentence).toContain(words);
  expect(answer.sentence).toMatch(/^[A-Z].*\.$/);
  expect(answer.moving).toBe(["executing", "starting", "next", "canceling"].includes(code));
});
