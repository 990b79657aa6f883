import type { Fact } from "@longshore/shared/contract/agent-protocol";
import { expect, test } from "vitest";
import { mergeStarts, planSteps } from "./report-facts.ts";

let seq = 0;
const fact = (runId: string, kind: "started" | "completed" | "waiting" | "log" | "released"): Fact =>
  ({ seq: ++seq, runId, epoch: 1, at: "", kind }) as unknown as Fact;
const shape = (facts: Fact[]) =>
  planSteps(facts).map(({ kind, facts }) => [kind, facts.map(({ runId }) => runId)]);

test("facts of many runs share a statement for each kind", () => {
  const facts = ["a", "b", "c"].flatMap((id) => [fact(id, "started"), fact(id, "completed")]);
  expect(shape(facts)).toEqual([
    ["started", ["a", "b", "c"]],
    ["ended", ["a", "b", "c"]],
  ]);
});

test("a run's own facts keep their order, whatever order they are sent in", () => {
  const facts = [fact("a", "started"), fact("a", "waiting"), fact("a", "completed"), fact("b", "completed")];
  const steps = shape([...facts].reverse());
  expect(steps.flatMap(([kind, ids]) => (ids?.includes("a") ? [kind] : []))).toEqual([
    "started",
    "waiting",
    "ended",
  ]);
});

test("two facts of one kind of one run never share a statement, logs apart", () => {
  expect(shape([fact("a", "waiting"), fact("a", "waiting")])).toEqual([
    ["waiting", ["a"]],
    ["waiting", ["a"]],
  ]);
  expect(shape([fact("a", "log"), fact("a", "log")])).toEqual([["log", ["a", "a"]]]);
});

test("nothing is dropped", () => {
  const kinds = ["log", "started", "log", "waiting", "log", "completed"] as const;
  const facts = kinds.flatMap((kind) => [fact("a", kind), fact("b", kind)]);
  const planned = planSteps(facts).flatMap((step) => step.facts.map((one) => one.seq));
  expect(planned.sort((a, b) => a - b)).toEqual(facts.map((one) => one.seq));
});

const merged = (facts: Fact[]) => {
  const { steps, begun } = mergeStarts(planSteps(facts));
  return {
    steps: steps.map(({ kind, facts }): [string, number[]] => [kind, facts.map(({ seq }) => seq)]),
    begun: [...begun],
  };
};

test("a start and an end in one report are one move, also with logs between", () => {
  const [start, log, end, other] = [
    fact("a", "started"),
    fact("a", "log"),
    fact("a", "completed"),
    fact("b", "started"),
  ];
  expect(merged([start, log, end, other])).toEqual({
    steps: [
      ["started", [other.seq]],
      ["log", [log.seq]],
      ["ended", [end.seq]],
    ],
    begun: [[end.seq, start.seq]],
  });
});

test("a start is told by itself when the run waits, is under another epoch, or goes on", () => {
  const waited = [fact("a", "started"), fact("a", "waiting")];
  const older = { ...fact("b", "started"), epoch: 0 };
  const facts = [...waited, older, fact("b", "completed"), fact("c", "started")];
  expect(merged(facts).begun).toEqual([]);
  expect(merged(facts).steps.flatMap(([, seqs]) => seqs)).toHaveLength(facts.length);
});
