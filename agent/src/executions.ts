import type { FactResult, HeldRun, Lease, Order } from "@longshore/shared/contract/agent-protocol";
import type { Containers } from "./containers.ts";
import type { Admission } from "./core/admission.ts";
import { decideLease, decideOrder, holdsSlot } from "./core/execution.ts";
import { createLedger } from "./core/ledger.ts";
import type { Desired, Step } from "./core/reconcile.ts";
import { firstToEnd, type Room, roomLeft } from "./core/room.ts";
import { createExecution, type Execution, type ExecutionDeps } from "./execution.ts";
import type { ContainerRecord, RunRecord } from "./ports/container-records.ts";
import type { Executions } from "./ports/executions.ts";
import type { FactBody, NewFact } from "./ports/outbox.ts";
import type { RunnerContainer } from "./runner-container.ts";

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
 * I4  The machines of the runs that are started or executing never add up to more than the capacity, unless an earlier
 *     process began them under a larger one. A run that waits gives its room back with its slot: it is frozen, and
 *     what it really holds of the memory is the host loop's care.
 */
export const createExecutions = (
  deps: ExecutionDeps & {
    containers: Containers;
    slots: number;
    /** What all runs together may take of the host; null where only their number counts. */
    capacity: Room | null;
    admission: Pick<Admission, "room" | "placeFailed">;
    /** Removes a container that nothing here knows. */
    remove(id: string): Promise<void>;
  },
): Executions & {
  all(): Execution[];
  detachAll(): Promise<void>;
  endAll(): Promise<void>;
  relieve(): void;
} => {
  const { containers, outbox, logger, clock } = deps;
  const byKey = new Map<string, Execution>();
  const ended = new Map<string, number>();
  /** Runs to be cancelled once their containers, which an earlier process left, are taken up. */
  const cancelLater = new Set<string>();
  /** Waiting runs whose processes were ended to free memory. */
  const putAway = new Set<string>();
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
      waitFrame: null,
      isWaiting: false,
      waitingSince: 0,
      waitingMb: null,
      continuation: null,
    };
    void drive(record).start();
  };
  const whyLost = (runId: string): string =>
    putAway.delete(runId)
      ? "The process that waited for this run's wait point was ended: its host ran short of memory."
      : "The process that waited for this run's wait point is gone: its host or agent was replaced.";
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
          error: internalError("TASK_RUN_CONTINUATION_LOST", whyLost(lease.runId)),
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
  /** What the API wants of a run whose container has not been taken up: it must not go on once that is. */
  const acceptDormantOrder = (order: Order): boolean => {
    const record = containers.dormant().find(({ run }) => run?.lease.runId === order.runId);
    if (!record?.run || record.run.lease.epoch > order.epoch || containers.isDoomed(record.key)) return false;
    if (order.kind === "cancel") cancelLater.add(order.runId);
    else containers.doom(record.key);
    return true;
  };
  const acceptOrder = (order: Order): void => {
    const execution = findRun(order.runId);
    if (!execution && acceptDormantOrder(order)) return;
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

  const drive = (record: RunRecord): Execution => {
    const execution = createExecution(record, deps, changed);
    byKey.set(record.key, execution);
    return execution;
  };
  const adopt = (box: RunnerContainer, id: string, isPaused: boolean): void => {
    const { run } = box.record;
    if (run) {
      const execution = drive(run);
      execution.adopt(box, id, isPaused);
      if (cancelLater.delete(run.lease.runId)) execution.cancel();
    } else if (isPaused) {
      // It was frozen with a run that ended then: nobody would thaw it.
      box.found(id);
      void containers.discard(box);
    } else box.adopt(id, false, Promise.resolve());
  };
  const lose = async (step: Extract<Step, { kind: "lost" }>): Promise<void> => {
    const box = containers.get(step.key) ?? containers.revive(step.key);
    if (!box) return;
    if (step.id) box.found(step.id);
    const { run } = box.record;
    if (run && !box.tenant()) {
      const execution = drive(run);
      execution.enter(box);
      if (cancelLater.delete(run.lease.runId)) execution.cancel();
    }
    await box.onExit(step.exit);
  };
  /** What an earlier process of this agent left. `over`: nothing more can come of it. */
  const dormantState = ({ key, run, generation }: ContainerRecord): "dormant" | "over" => {
    if (containers.isDoomed(key)) return "over";
    if (run) return outbox.mark(run.key)?.final ? "over" : "dormant";
    return containers.isCurrent(generation) && containers.keepsIdle() ? "dormant" : "over";
  };
  const held = (): HeldRun[] => {
    const runs = new Map<string, HeldRun>();
    for (const { runId, epoch } of outbox.unreported()) runs.set(runId, { runId, epoch, isEnding: true }); // I3
    for (const { key, run } of containers.dormant()) {
      if (!run || outbox.mark(run.key)?.final || containers.isDoomed(key)) continue;
      const { runId, epoch } = run.lease;
      runs.set(runId, { runId, epoch, ...(cancelLater.has(runId) ? { isEnding: true } : {}) });
    }
    for (const execution of byKey.values()) {
      const { runId, record } = execution;
      const isEnding = execution.isEnding() ? { isEnding: true } : {};
      runs.set(runId, { runId, epoch: record.lease.epoch, ...isEnding });
    }
    return [...runs.values()];
  };
  const room = (): Room | null =>
    deps.capacity &&
    roomLeft(
      deps.capacity,
      [...byKey.values()].filter((one) => holdsSlot(one.phase())).map(({ record }) => record.lease.machine),
    );
  const capacity = (): number => {
    if (!runtimeAlive || draining || paused) return 0;
    const phases = [...byKey.values()].map((execution) => execution.phase());
    const preparing = phases.filter(({ kind }) => kind === "preparing").length;
    return Math.max(
      0,
      Math.min(deps.slots - phases.filter(holdsSlot).length, deps.admission.room(preparing)),
    );
  };

  containers.onChange(changed);
  return {
    all: () => [...byKey.values()],
    ledger: createLedger(() => ({ runs: capacity(), room: room() })), // I4
    held,
    capacity,
    room,
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
      await containers.loadDormant();
      const live = containers.live().map((box): Desired => {
        return { key: box.key, state: box.hasStarted() ? "held" : "preparing" };
      });
      const asleep = containers.dormant().map((record): Desired => {
        return { key: record.key, state: dormantState(record) };
      });
      return [...live, ...asleep];
    },
    async apply(step) {
      switch (step.kind) {
        case "adopt": {
          const box = containers.revive(step.key);
          if (box) adopt(box, step.id, step.isPaused);
          return changed();
        }
        case "lost":
          return lose(step);
        case "destroy":
          if (containers.get(step.key)) return; // began after the list was made
          return deps.remove(step.id);
        case "forget": {
          const run = containers.dormant().find(({ key }) => key === step.key)?.run;
          await containers.forget(step.key);
          if (run) outbox.forget(run.key);
        }
      }
    },
    onRuntimeEvent: (event) => void containers.get(event.key)?.onExit(event.exit),
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
      containers.setAlive(alive);
      changed();
    },
    noteAdmission: changed,
    setDraining(now) {
      if (draining === now) return;
      draining = now;
      containers.setOpen(!now);
      changed();
    },
    isDraining: () => draining,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    relieve() {
      if (paused || !runtimeAlive || containers.dropIdle()) return;
      const waiting = [...byKey.values()].filter((execution) => execution.phase().kind === "waiting");
      const chosen = firstToEnd(waiting.map(({ record }) => record));
      const ended = chosen && byKey.get(chosen.key);
      if (!ended) return;
      logger.warn("the host runs short of memory: a waiting run is ended", { runId: ended.runId });
      putAway.add(ended.runId);
      if (putAway.size > endedMax) putAway.delete(putAway.values().next().value as string);
      void ended.stop();
    },
    async detachAll() {
      for (const execution of byKey.values()) execution.detach();
      await containers.close();
    },
    async endAll() {
      await Promise.all([...byKey.values()].map((execution) => execution.giveUp()));
      await containers.close();
    },
  };
};
