import { readFileSync } from "node:fs";
import { isFinal, TRANSITIONS } from "@longshore/edge-api/domain/transitions";
import { wireStatus } from "@longshore/edge-api/domain/wire-status";
import { finalStates, type RunState, runStates } from "@longshore/shared/contract/run-status";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cancelRefusal } from "../dashboard/src/lib/run-status.ts";
import { openTestPglite, seed, type TestDatabase } from "./engine/fixture.ts";

type Row = { from: readonly string[]; to: readonly string[]; by: readonly string[]; fence: string };
const moves = Object.entries<Row>(TRANSITIONS);
const document = readFileSync(new URL("../../docs/state-machine.md", import.meta.url), "utf8").replace(
  / +/g,
  " ",
);

describe("the transition table", () => {
  test("is the table of docs/state-machine.md", () => {
    const cells = (list: readonly string[]) => (list.length === 0 ? "–" : list.join(", "));
    for (const [name, { from, to, by, fence }] of moves) {
      expect(document).toContain(`| ${name} | ${cells(from)} | ${cells(to)} | ${cells(by)} | ${fence} |`);
    }
  });

  test("leaves no final state, and reaches every state", () => {
    const left = new Set(moves.flatMap(([, { from }]) => from));
    const reached = new Set(moves.flatMap(([, { to }]) => to));
    for (const state of finalStates) expect(left.has(state), state).toBe(false);
    for (const state of runStates) {
      expect(reached.has(state), state).toBe(true);
      expect(isFinal(state), state).toBe(!left.has(state));
    }
  });

  test("says what the dashboard's cancel button allows", () => {
    const cancelable: readonly string[] = TRANSITIONS.cancel.from;
    for (const state of runStates) {
      const refusal = cancelRefusal(wireStatus({ state, attempt: 0, releaseCount: 0 }));
      expect(refusal === null, state).toBe(cancelable.includes(state));
    }
  });
});

describe("the database's CHECKs", () => {
  let t: TestDatabase;
  let environmentId = "";
  beforeAll(async () => {
    t = await openTestPglite();
    ({ environmentId } = await seed(t, { tasks: [{ id: "a" }], agents: 0 }));
  }, 60_000);
  afterAll(() => t.close());

  const insert = (id: string, state: string, columns: Record<string, string> = {}) => {
    const extra = Object.entries(columns);
    const names = [
      "id",
      "environment_id",
      "task_slug",
      "state",
      "queue_id",
      "lane_id",
      "payload_type",
      "retry",
      "machine",
    ];
    const sql = `insert into runs (${[...names, ...extra.map(([name]) => name)].join(", ")})
      values ($1, $2, 'a', $3, 'q', 'l', 'application/json', '{}', 'micro'${extra.map(([, value]) => `, ${value}`).join("")})`;
    return t.query(sql, [id, environmentId, state]);
  };
  const fitting = (state: RunState): Record<string, string> => ({
    attempt: "1",
    ...(isFinal(state) ? { finished_at: "app_now()" } : {}),
    ...(state === "delayed" ? { due_at: "app_now()" } : {}),
  });

  test("know exactly the states of the table", async () => {
    for (const state of runStates) await insert(`run_${state}`, state, fitting(state));
    await expect(insert("run_x", "paused")).rejects.toThrow();
  });

  test("refuse a run whose columns say another state", async () => {
    await expect(insert("run_1", "completed", { attempt: "1" })).rejects.toThrow(/runs_finished/);
    await expect(insert("run_2", "queued", { finished_at: "app_now()" })).rejects.toThrow(/runs_finished/);
    await expect(insert("run_3", "delayed")).rejects.toThrow(/runs_due_while_delayed/);
    await expect(insert("run_4", "executing")).rejects.toThrow(/runs_attempt_before_work/);
    await expect(insert("run_5", "queued", { waits_open: "1" })).rejects.toThrow(/runs_waits_while_waiting/);
    await expect(insert("run_6", "leased", { expires_at: "app_now()" })).rejects.toThrow(
      /runs_expiry_while_queued/,
    );
  });
});
