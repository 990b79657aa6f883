import type { RunAttempt, RunTimeline } from "@longshore/shared/contract/runs";
import { expect, test } from "vitest";
import { axisTicks, buildTimeline } from "./build-timeline.ts";

const iso = (ms: number) => new Date(ms).toISOString();
const attempt = (
  number: number,
  times: [number, number | null, number | null],
  status: RunAttempt["status"],
) => ({
  number,
  status,
  agentId: "agent_1",
  agentName: "one",
  leasedAt: iso(times[0]),
  startedAt: times[1] === null ? null : iso(times[1]),
  finishedAt: times[2] === null ? null : iso(times[2]),
  error: null,
});
const timelineOf = (fields: Partial<RunTimeline>): RunTimeline => ({
  events: [],
  attempts: [],
  waits: [],
  ...fields,
});

test("a run that nobody took yet is one open stretch of queue", () => {
  const chart = buildTimeline({ status: "QUEUED", createdAt: new Date(1_000) }, timelineOf({}), 3_000);
  expect(chart.rows.map(({ label }) => label)).toEqual(["Queued"]);
  expect(chart.rows[0]?.spans).toEqual([{ kind: "queue", from: 1_000, to: 3_000, open: true }]);
});

test("a failed attempt, the pause after it and the next attempt follow each other", () => {
  const attempts = [
    attempt(1, [1_100, 1_200, 2_000], "failed"),
    attempt(2, [3_000, 3_100, 4_000], "completed"),
  ];
  const run = { status: "COMPLETED" as const, createdAt: new Date(1_000), finishedAt: new Date(4_000) };
  const { rows } = buildTimeline(run, timelineOf({ attempts }), 9_000);
  expect(rows.map(({ label, result }) => [label, result])).toEqual([
    ["Queued", null],
    ["Attempt 1", "bad"],
    ["Until retry", null],
    ["Attempt 2", "good"],
  ]);
  expect(rows[2]?.spans).toEqual([{ kind: "pause", from: 2_000, to: 3_000, open: false }]);
});

test("a wait stands under the attempt it belongs to, and stays open while it is pending", () => {
  const wait = { id: "w", kind: "time" as const, status: "pending" as const, runId: null, dueAt: null };
  const timeline = timelineOf({
    attempts: [attempt(1, [1_100, 1_200, null], "waiting")],
    waits: [{ ...wait, createdAt: iso(1_500), completedAt: null }],
  });
  const { rows } = buildTimeline({ status: "WAITING", createdAt: new Date(1_000) }, timeline, 5_000);
  expect(rows.at(-1)).toMatchObject({ label: "Wait for time", nested: true });
  expect(rows.at(-1)?.spans).toEqual([{ kind: "wait", from: 1_500, to: 5_000, open: true }]);
});

test("the axis is marked at round distances", () => {
  expect(axisTicks(4_300)).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
  expect(axisTicks(42_000)).toEqual([0, 10_000, 20_000, 30_000, 40_000]);
  expect(axisTicks(90 * 60_000).length).toBeLessThanOrEqual(6);
});
