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
  agents: { known: 1, online: 1, free: 1 },
  home: null,
  waits: [],
};
const offline = { name: "box", isOnline: false };
const online = { name: "box", isOnline: true };
const fullLane = { running: 2, runningMax: 2, paused: false };
const fullEnv = { running: 10, runningMax: 10, paused: false };

test.each<[string, Partial<Circumstances>, string]>([
  ["final", { state: "timed_out" }, "timed out"],
  ["canceling", { state: "executing", isCanceling: true }, "cancel"],
  ["pending_version", { state: "pending_version" }, "version"],
  ["delayed", { state: "delayed", dueAt: "noon" }, "noon"],
  ["retry_scheduled", { state: "delayed", attempt: 2, dueAt: "noon" }, "Attempt 2"],
  ["retry_scheduled", { state: "delayed", reason: "no image", dueAt: "noon" }, "no image"],
  ["starting", { state: "leased" }, "starting"],
  ["executing", { state: "executing", attempt: 1 }, "executing"],
  [
    "waiting_for_run",
    { state: "waiting", home: online, waits: [{ kind: "run", runId: "run_1", dueAt: null }] },
    "run_1",
  ],
  [
    "waiting_for_time",
    { state: "waiting", home: online, waits: [{ kind: "time", runId: null, dueAt: "noon" }] },
    "noon",
  ],
  [
    "waiting_for_token",
    { state: "waiting", home: online, waits: [{ kind: "token", runId: null, dueAt: null }] },
    "token",
  ],
  ["home_agent_offline", { state: "waiting", home: offline }, '"box"'],
  ["home_agent_offline", { home: offline }, '"box"'],
  ["environment_paused", { env: { running: 0, runningMax: 1, paused: true } }, "paused"],
  ["queue_paused", { queue: { name: "q", paused: true } }, '"q"'],
  ["queue_limit", { lane: fullLane, ahead: 1 }, "2 of at most 2; 1 run ahead"],
  ["queue_limit", { lane: fullLane, concurrencyKey: "x" }, 'for the key "x"; 0 runs ahead'],
  ["environment_limit", { env: fullEnv }, "10 of at most 10"],
  ["queue_limit", { home: online, lane: fullLane }, '"q"'],
  ["no_agent_online", { agents: { known: 0, online: 0, free: 0 } }, "No agent is enrolled"],
  ["no_agent_online", { agents: { known: 2, online: 0, free: 0 } }, "2 agents"],
  ["agents_full", { agents: { known: 2, online: 1, free: 0 } }, "1 agent online"],
  ["next", {}, "next"],
  ["next", { home: online }, '"box"'],
])("%s, of %j, says %j", (code, over, words) => {
  const answer = explain({ ...base, ...over });
  expect(answer.code).toBe(code);
  expect(answer.sentence).toContain(words);
  expect(answer.sentence).toMatch(/^[A-Z].*\.$/);
  expect(answer.moving).toBe(["executing", "starting", "next", "canceling"].includes(code));
});
