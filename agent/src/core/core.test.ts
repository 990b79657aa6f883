import { exitError } from "@longshore/shared/core/exit-error";
import { expect, test } from "vitest";
import { decideLease, decideOrder, holdsSlot, nextPhase, type Phase } from "./execution.ts";
import { createLedger } from "./ledger.ts";
import type { Observed } from "./observed.ts";
import { reconcile } from "./reconcile.ts";

const seen = (key: string, state: Observed["state"] = { kind: "running" }, id = `id-${key}`): Observed => ({
  id,
  labels: { key },
  state,
});
const exit = { code: 137, signal: null, oomKilled: true };

test("reconcile adopts, reports and destroys", () => {
  const steps = reconcile(
    [
      { key: "dormant", state: "dormant" },
      { key: "frozen", state: "dormant" },
      { key: "held", state: "held" },
      { key: "died", state: "held" },
      { key: "vanished", state: "dormant" },
      { key: "starting", state: "preparing" },
      { key: "over", state: "over" },
      { key: "cleaned", state: "over" },
    ],
    [
      seen("dormant"),
      seen("frozen", { kind: "paused" }),
      seen("held"),
      seen("died", { kind: "exited", exit }),
      seen("over"),
      seen("leftover"),
    ],
  );
  expect(steps).toEqual([
    { kind: "adopt", key: "dormant", id: "id-dormant", isPaused: false },
    { kind: "adopt", key: "frozen", id: "id-frozen", isPaused: true },
    { kind: "lost", key: "died", id: "id-died", exit },
    { kind: "lost", key: "vanished", id: null, exit: null },
    { kind: "destroy", key: "over", id: "id-over" },
    { kind: "forget", key: "cleaned" },
    { kind: "destroy", key: "leftover", id: "id-leftover" },
  ]);
});

test("of two containers for one execution the living one is kept", () => {
  const steps = reconcile(
    [{ key: "a", state: "dormant" }],
    [seen("a", { kind: "exited", exit }, "dead"), seen("a", { kind: "running" }, "alive")],
  );
  expect(steps).toEqual([
    { kind: "destroy", key: "a", id: "dead" },
    { kind: "adopt", key: "a", id: "alive", isPaused: false },
  ]);
});

test("phases move forward and nothing leaves the last one", () => {
  const preparing: Phase = { kind: "preparing", abort: new AbortController() };
  const running = nextPhase(preparing, { kind: "container_started", id: "c" });
  const waiting = nextPhase(running, { kind: "waiting" });
  const ending = nextPhase(waiting, { kind: "final" });
  expect([running.kind, waiting.kind, ending]).toEqual(["running", "waiting", { kind: "ending", id: "c" }]);
  expect(nextPhase(waiting, { kind: "continued" })).toEqual(running);
  expect(nextPhase(ending, { kind: "continued" })).toBe(ending);
  expect([preparing, running, waiting, ending].map(holdsSlot)).toEqual([true, true, false, false]);
});

test("leases: repeats are ignored, newer ones win, continuations need their process", () => {
  const running = { epoch: 3, phase: { kind: "running", id: "c" } as Phase };
  const waiting = { epoch: 3, phase: { kind: "waiting", id: "c" } as Phase };
  expect(decideLease(undefined, { kind: "start", epoch: 1 })).toBe("start");
  expect(decideLease(running, { kind: "start", epoch: 3 })).toBe("repeat");
  expect(decideLease(running, { kind: "start", epoch: 4 })).toBe("replace");
  expect(decideLease(waiting, { kind: "continue", epoch: 4 })).toBe("continue");
  expect(decideLease(running, { kind: "continue", epoch: 4 })).toBe("continuation_lost");
  expect(decideLease(undefined, { kind: "continue", epoch: 4 })).toBe("continuation_lost");
});

test("orders under an old epoch are ignored, and a cancel for nobody is answered", () => {
  const running = { epoch: 3, phase: { kind: "running", id: "c" } as Phase };
  expect(decideOrder(running, { kind: "stop", epoch: 2 })).toBe("ignore");
  expect(decideOrder(running, { kind: "stop", epoch: 3 })).toBe("stop");
  expect(decideOrder(running, { kind: "cancel", epoch: 3 })).toBe("cancel");
  expect(decideOrder(undefined, { kind: "cancel", epoch: 3 })).toBe("report_canceled");
  expect(decideOrder(undefined, { kind: "stop", epoch: 3 })).toBe("ignore");
});

test("poll and report never promise more than there is", () => {
  let capacity = 3;
  const ledger = createLedger(() => ({ runs: capacity, room: null }));
  expect(ledger.promise("poll")).toEqual({ runs: 3, room: null });
  expect(ledger.promise("report").runs).toBe(0);
  expect(ledger.pollIsStale()).toBe(false);
  capacity = 4;
  expect(ledger.promise("report").runs).toBe(1);
  capacity = 0;
  expect(ledger.pollIsStale()).toBe(true);
  ledger.release("poll");
  ledger.release("report");
  expect(ledger.promise("poll").runs).toBe(0);
  capacity = 1;
  expect(ledger.pollIsStale()).toBe(true);
});

test.each([
  [{ code: 137, signal: null, oomKilled: true }, "TASK_PROCESS_OOM_KILLED"],
  [{ code: 139, signal: null, oomKilled: false }, "TASK_PROCESS_SIGSEGV"],
  [{ code: null, signal: "SIGSEGV", oomKilled: false }, "TASK_PROCESS_SIGSEGV"],
  [{ code: 143, signal: null, oomKilled: false }, "TASK_PROCESS_SIGTERM"],
  [{ code: 3, signal: null, oomKilled: false }, "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE"],
  [{ code: 137, signal: null, oomKilled: false }, "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE"],
  [
    { code: 134, signal: null, oomKilled: false, stderr: "FATAL ERROR: JavaScript heap out of memory" },
    "TASK_PROCESS_OOM_KILLED",
  ],
])("an end like %j is %s", (end, code) => {
  expect(exitError(end, 0.5)).toMatchObject({ type: "INTERNAL_ERROR", code });
});
