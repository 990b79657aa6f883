import type { FactResult, HeldRun, Lease, Order } from "@longshore/shared/contract/agent-protocol";
import { randomText } from "@longshore/shared/core/ids";
import type { Admission } from "./core/admission.ts";
import { decideLease, decideOrder, holdsSlot } from "./core/execution.ts";
import { createLedger } from "./core/ledger.ts";
import type { Desired, Step } from "./core/reconcile.ts";
import { createExecution, type Execution, type ExecutionDeps } from "./execution.ts";
import type { Executions } from "./ports/executions.ts";
import type { FactBody, NewFact } from "./ports/outbox.ts";
import type { RunRecord } from "./ports/run-records.ts";

/** How many ended runs are remembered, so that a lease delivered twice is not executed twice. */
const endedMax = 2_000;

const internalError = (code: "TASK_RUN_CONTINUATION_LOST", message: string) =>
  ({ type: "INTERNAL_ERROR", code, message }) as const;

/**
 * Every execution of this agent and what leases, orders, facts and the sweep do to them.
 *
 * I1  A run has at most one execution that is not ending; a newer lease ends the older one first (L3).
 * I2  A lease that was delivered before, even of a run that has ended since, starts nothing.
 * I3  A run stays `held` until the API has acknowledged its last state fact.
 */
export const createExecutions = (
  deps: ExecutionDeps & { slots: number; admission: Pick<Admission, "room"> },
): Executions & { all(): Execution[]; detachAll(): Promise<void>; endAll(): Promise<void> } => {
  const { outbox, records, logger, clock } = deps;
  const byKey = new Map<string, Execution>();
  const ended = new Map<string, number>();
  const dormant = new Map<string, RunRecord>();
  const listeners = new Set<() => void>();
  let runtimeAlive = true;
  let draining = false;
  let paused = false;

  const changed = (): void => {
    for (const execution of byKey.values()) {
      if (execution.phase().kind === "ending") remember(execution);
    }
    for (const listener of listeners) listener();
  };
  const remember = ({ runId, key, record }: Execution): void => {
    byKey.delete(key);
    ended.set(runId, Math.max(ended.get(runId) ?? 0, record.lease.epoch)); // I2
    if (ended.size > endedMax) ended.delete(ended.keys().next().value as string);
  };
  const findRun = (runId: string): Execution | undefined =>
    [...byKey.values()].find((execution) => execution.runId === runId);
  const known = (runId: string) => {
    const execution = findRun(runId);
    return execution && { epoch: execution.record.lease.epoch, phase: execution.phase() };
  };
  const report = ({ runId, epoch }: { runId: string; epoch: number }, said: FactBody): void => {
    const at = new Date(clock.now()).toISOString();
    outbox.append({ ...said, runId, epoch, at } as NewFact).catch((error) => {
      logger.error("the outbox cannot be written", { why: String(error) });
    });
  };

  const begin = (lease: Lease): void => {
    const record: RunRecord = {
      key: `${lease.runId}-${lease.epoch}`,
      lease,
      runnerToken: randomText(40),
      waitFrame: null,
      isWaiting: false,
      continuation: null,
    };
    const execution = createExecution(record, deps, changed);
    byKey.set(record.key, execution);
    void execution.start();
  };
  const acceptLease = (lease: Lease): void => {
    if (lease.epoch <= (ended.get(lease.runId) ?? 0)) return; // I2
    const execution = findRun(lease.runId);
    switch (decideLease(known(lease.runId), lease)) {
      case "repeat":
        return;
      case "continue":
        execution?.continue(lease.waits, lease);
        return;
      case "continuation_lost":
        void execution?.stop();
        ended.set(lease.runId, lease.epoch);
        report(lease, {
          kind: "failed",
          error: internalError(
            "TASK_RUN_CONTINUATION_LOST",
            "The process that waited for this run's wait point is gone: its host or agent was replaced.",
          ),
          executedMs: 0,
        });
        return;
      case "replace":
        void execution?.stop(); // I1
        begin(lease);
        return;
      case "start":
        begin(lease);
        return;
    }
  };
  const acceptOrder = (order: Order): void => {
    const execution = findRun(order.runId);
    switch (decideOrder(known(order.runId), order)) {
      case "ignore":
        return;
      case "cancel":
        execution?.cancel();
        return;
      case "stop":
        logger.info("a run was taken away", { runId: order.runId, reason: order.reason });
        void execution?.stop();
        return;
      case "report_canceled": {
        if (order.epoch <= (ended.get(order.runId) ?? 0)) return;
        ended.set(order.runId, order.epoch);
        report(order, { kind: "canceled", executedMs: 0 });
      }
    }
  };

  const lose = async (step: Extract<Step, { kind: "lost" }>): Promise<void> => {
    const execution = byKey.get(step.key) ?? revive(step.key);
    if (!execution) return;
    if (step.id) await adopt(execution, step.id, false);
    await execution.onExit(step.exit);
  };
  const revive = (key: string): Execution | null => {
    const record = dormant.get(key);
    if (!record) return null;
    dormant.delete(key);
    const execution = createExecution(record, deps, changed);
    byKey.set(key, execution);
    return execution;
  };
  const adopt = async (execution: Execution, id: string, isPaused: boolean): Promise<void> => {
    if (execution.phase().kind === "preparing") await execution.adopt(id, isPaused);
  };
  const loadDormant = async (): Promise<void> => {
    for (const record of await records.list()) {
      if (!byKey.has(record.key) && !isCleaning(record)) dormant.set(record.key, record);
    }
  };
  const isCleaning = ({ key, lease }: RunRecord): boolean =>
    (ended.get(lease.runId) ?? 0) >= lease.epoch && !dormant.has(key);
  const held = (): HeldRun[] => {
    const runs = new Map<string, HeldRun>();
    for (const { runId, epoch } of outbox.unreported()) runs.set(runId, { runId, epoch, isEnding: true }); // I3
    for (const { key, lease } of dormant.values()) {
      if (!outbox.mark(key)?.final) runs.set(lease.runId, { runId: lease.runId, epoch: lease.epoch });
    }
    for (const execution of byKey.values()) {
      const { runId, record } = execution;
      const isEnding = execution.isEnding() ? { isEnding: true } : {};
      runs.set(runId, { runId, epoch: record.lease.epoch, ...isEnding });
    }
    return [...runs.values()];
  };
  const capacity = (): number => {
    if (!runtimeAlive || draining || paused) return 0;
    const phases = [...byKey.values()].map((execution) => execution.phase());
    const preparing = phases.filter(({ kind }) => kind === "preparing").length;
    return Math.max(
      0,
      Math.min(deps.slots - phases.filter(holdsSlot).length, deps.admission.room(preparing)),
    );
  };

  return {
    all: () => [...byKey.values()],
    ledger: createLedger(capacity),
    held,
    capacity,
    acceptWork({ leases, orders }) {
      for (const order of orders) acceptOrder(order);
      for (const lease of leases) acceptLease(lease);
      if (leases.length > 0 || orders.length > 0) changed();
    },
    applyResult(fact, { result, waits }: FactResult) {
      const execution = findRun(fact.runId);
      if (!execution || execution.record.lease.epoch !== fact.epoch) return;
      if (result === "ready") execution.continue(waits ?? [], null);
      // L3: a lost right ends the process. Log lines of a run that has just ended are refused too; they end nothing.
      else if ((result === "refused" || result === "missing") && fact.kind !== "log") void execution.stop();
    },
    async desired() {
      await loadDormant();
      const live = [...byKey.values()].map((execution): Desired => {
        const state = execution.phase().kind === "preparing" ? "preparing" : "held";
        return { key: execution.key, state };
      });
      const asleep = [...dormant.keys()].map((key): Desired => {
        return { key, state: outbox.mark(key)?.final ? "over" : "dormant" };
      });
      return [...live, ...asleep];
    },
    async apply(step) {
      switch (step.kind) {
        case "adopt": {
          const execution = revive(step.key);
          if (execution) await adopt(execution, step.id, step.isPaused);
          return changed();
        }
        case "lost":
          return lose(step);
        case "destroy":
          if (byKey.has(step.key)) return; // began after the list was made
          return deps.runtime.remove(step.id);
        case "forget":
          dormant.delete(step.key);
          await records.remove(step.key);
          return outbox.forget(step.key);
      }
    },
    onRuntimeEvent: (event) => void byKey.get(event.key)?.onExit(event.exit),
    async pauseAll() {
      paused = true;
      await Promise.all([...byKey.values()].map((execution) => execution.freeze(true)));
      changed();
    },
    async resumeAll() {
      paused = false;
      await Promise.all([...byKey.values()].map((execution) => execution.freeze(false)));
      changed();
    },
    arePaused: () => paused || [...byKey.values()].some((execution) => execution.isPaused()),
    setRuntimeAlive(alive) {
      runtimeAlive = alive;
      changed();
    },
    noteAdmission: changed,
    setDraining(now) {
      if (draining === now) return;
      draining = now;
      changed();
    },
    isDraining: () => draining,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async detachAll() {
      await Promise.all([...byKey.values()].map((execution) => execution.detach()));
    },
    async endAll() {
      await Promise.all([...byKey.values()].map((execution) => execution.giveUp()));
    },
  };
};
