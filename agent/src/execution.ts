import type { CompletedWait, Lease } from "@longshore/shared/contract/agent-protocol";
import { machinePresets } from "@longshore/shared/contract/machines";
import type { RunnerFact, RunnerFrame, RunnerJob } from "@longshore/shared/contract/runner-protocol";
import type { Clock } from "@longshore/shared/core/clock";
import { exitError } from "@longshore/shared/core/exit-error";
import type { Containers } from "./containers.ts";
import type { Admission } from "./core/admission.ts";
import { bindingOf } from "./core/binding.ts";
import { holdsSlot, isFinal, nextPhase, type Phase, type PhaseEvent } from "./core/execution.ts";
import type { ExitInfo } from "./core/observed.ts";
import { whyUntrusted } from "./core/trust.ts";
import type { Development } from "./development.ts";
import type { RunRecord } from "./ports/container-records.ts";
import { StartError } from "./ports/container-runtime.ts";
import type { ControlPlane } from "./ports/control-plane.ts";
import type { Logger } from "./ports/logger.ts";
import type { FactBody, NewFact, Outbox } from "./ports/outbox.ts";
import type { RunnerContainer, Tenant } from "./runner-container.ts";
import { watchRunner } from "./watch-runner.ts";

export type ExecutionDeps = {
  containers: Containers;
  outbox: Outbox;
  controlPlane: Pick<ControlPlane, "forward" | "fetchPacket">;
  clock: Clock;
  logger: Logger;
  /** Keys whose deployments are executed; with none, everybody's. */
  trustedKeys: readonly string[];
  admission: Pick<Admission, "placeFailed">;
  /** How long what runs here may go on unless the API is heard again. Units: milliseconds. */
  leftMs(): number;
  /** Resolves once the API has been heard, and its orders obeyed, since this process began. */
  contacted: Promise<void>;
  /** How long a runner whose run executes may say nothing. Units: milliseconds. */
  runnerSilentMs: number;
  /** Aborted when the agent's process ends; what runs goes on without it. */
  stopped: AbortSignal;
  development: Development | null;
};

/** How long a cancelled task may take to end by itself, and the runner beyond that. Units: milliseconds. */
const cancelGraceMs = 10_000;
const cancelMarginMs = 3_000;
/** A run that waits longer is frozen: it costs no processor then, whatever its code set going. Units: milliseconds. */
const parkAfterMs = 2_000;
const responseCharsMax = 15 * 1024 * 1024;

/**
 * One execution on this agent, from its lease to the last trace of it.
 *
 * I1  A runner's fact is acknowledged to the runner only after it is safe in the outbox, and put there once: its frame
 *     number is kept beside it.
 * I2  At most one final fact; whatever comes after it is dropped.
 * I3  The container goes, or takes another run, only after the final fact is safe. The mark goes last: once the record on
 *     disk names this run no more, but the next one or none.
 * I4  What the runner must hear (job, continuation, cancel) is said again after each hello; it ignores repeats.
 */
export const createExecution = (record: RunRecord, deps: ExecutionDeps, onChange: () => void) => {
  const { containers, outbox, logger, clock } = deps;
  const { key } = record;
  const { runId } = record.lease;
  let phase: Phase = { kind: "preparing", abort: new AbortController() };
  let container: RunnerContainer | null = null;
  let isCanceling = false;
  /** The code is in the container, and its record names this run. */
  let isPlaced = false;
  let over: Promise<void> = Promise.resolve();
  const timers = new Set<NodeJS.Timeout>();
  let unwatch = (): void => {};

  const after = (ms: number, act: () => void): void => {
    timers.add(setTimeout(act, ms).unref());
  };
  const move = (event: PhaseEvent): Phase => {
    phase = nextPhase(phase, event);
    onChange();
    return phase;
  };
  const isEnding = (): boolean => phase.kind === "ending";
  /** Resolves when it is on disk, or could not be put there. */
  const saveRecord = async (): Promise<void> => {
    await container
      ?.save()
      .catch((error) => logger.error("a run's record was not saved", { key, why: String(error) }));
  };
  const append = (fact: FactBody, from?: { key: string; frame: number }): Promise<void> => {
    const at = new Date(clock.now()).toISOString();
    return outbox.append({ ...fact, runId, epoch: record.lease.epoch, at } as NewFact, from);
  };

  let isLeaving = false;
  const cleanUp = async (isReusable: boolean): Promise<void> => {
    for (const timer of timers) clearTimeout(timer);
    unwatch();
    if (container) await (isReusable ? containers.release(container) : containers.discard(container));
    outbox.forget(key); // I3
  };
  const settled = (work: Promise<unknown>): Promise<void> =>
    work.then(
      () => {},
      (error) => logger.warn("an execution was not cleaned up; the sweep will", { key, why: String(error) }),
    );
  /** Ends the execution, after `said` is safe. The container is reusable when its own runner has ended the run. */
  const end = (said: Promise<void>, isReusable = false): void => {
    if (phase.kind === "preparing") phase.abort.abort();
    isLeaving = isReusable;
    move({ kind: "final" });
    // A fact that cannot be kept must not keep the container either.
    over = settled(
      said.then(
        () => cleanUp(isReusable),
        () => cleanUp(false),
      ),
    );
  };
  const endWith = (fact: FactBody): void => {
    if (phase.kind === "ending") return; // I2
    end(append(fact, { key, frame: 0 }));
  };
  const release = (reason: string, retryable: boolean): void =>
    endWith({ kind: "released", reason: reason.slice(0, 2_000), retryable });

  const job = (box: RunnerContainer): RunnerJob => {
    const { lease } = record;
    return {
      runId,
      epoch: lease.epoch,
      attempt: lease.attempt,
      task: lease.task,
      payload: lease.payload,
      payloadType: lease.payloadType,
      bundleDir: box.paths().bundleDir,
      entry: lease.deployment.entry,
      env: { ...lease.env, ...deps.development?.env() },
      secretEnv: lease.secretEnv,
      // Whoever stands at a breakpoint is not to be timed.
      maxDurationS: deps.development?.inspect === undefined ? lease.maxDurationS : null,
      oldSpaceMb: box.oldSpaceMb,
      keepAlive: lease.deployment.keepAlive ?? null,
      context: lease.context,
    };
  };

  const parkSoon = (): void => {
    const { waitFrame } = record;
    after(parkAfterMs, () => {
      if (phase.kind === "waiting" && record.waitFrame === waitFrame && !isCanceling)
        void container?.setParked(true);
    });
  };
  const sayContinue = (): void => {
    const { continuation: waits, waitFrame: wait, lease } = record;
    if (waits && wait !== null) container?.send({ t: "continue", runId, epoch: lease.epoch, wait, waits });
  };
  /** A runner whose agent says nothing freezes the run by itself: the agent may be stopped while another executes it (L1). */
  const sayLease = (): void => void container?.send({ t: "lease", leftMs: Math.floor(deps.leftMs()) });
  const sayJob = (): void => {
    if (!container || !isPlaced || isEnding()) return;
    sayLease();
    container.send({ t: "run", job: job(container) });
  };
  const onHello = (hello: Extract<RunnerFrame, { t: "hello" }>): void => {
    if (hello.running && hello.running.runId !== runId) {
      release("The container executes another run than its agent knows of.", true);
      return;
    }
    sayLease();
    if (record.isWaiting) parkSoon();
    // I4
    if (!hello.running && !outbox.mark(key)?.final) sayJob();
    sayContinue();
    if (isCanceling) container?.send({ t: "cancel", runId, graceMs: cancelGraceMs });
  };

  const note = (frame: number, fact: RunnerFact): void => {
    if (fact.kind === "started") container?.applyLimit();
    if (fact.kind !== "waiting") return;
    Object.assign(record, {
      waitFrame: frame,
      isWaiting: true,
      waitingSince: clock.now(),
      waitingMb: container?.memoryMb() ?? null,
      continuation: null,
    });
    void saveRecord();
    move({ kind: "waiting" });
    parkSoon();
  };
  const onFact = (frame: number, fact: RunnerFact): void => {
    const acknowledge = () => void container?.send({ t: "ack", seq: frame });
    // A container speaks for its own run alone, and never for a lease it was not told of.
    const isForeign = fact.runId !== runId || fact.epoch > record.lease.epoch;
    if (isForeign || phase.kind === "ending") {
      acknowledge();
      return;
    }
    note(frame, fact);
    const said = outbox.append(fact, { key, frame });
    said.then(acknowledge, (error) => logger.error("the outbox cannot be written", { why: String(error) })); // I1
    if (isFinal(fact.kind)) end(said, true);
  };
  const onRequest = async (request: Extract<RunnerFrame, { t: "request" }>): Promise<void> => {
    const { id, method, path, headers, body } = request;
    const call = { method, path, headers, body };
    const answered = await deps.controlPlane.forward(record.lease.runToken, call, deps.stopped);
    const refuse = (status: number, error: string) =>
      container?.send({
        t: "response",
        id,
        status,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ error }),
      });
    // The container may execute another run by now, whose calls bear the same numbers.
    if (answered.kind === "cut" || isEnding()) return;
    if (answered.kind === "rejected") return void refuse(answered.status, answered.reason);
    if (answered.kind !== "ok") return void refuse(503, answered.reason);
    if (answered.value.body.length > responseCharsMax) return void refuse(502, "the answer is too large");
    container?.send({ t: "response", id, ...answered.value });
  };
  /** A stored payload becomes part of the lease, so that the runner, and the next start of this agent, see a plain one. */
  const fetchPayload = async (): Promise<void> => {
    const { payloadUrl } = record.lease;
    if (record.lease.payloadType !== "application/store" || !payloadUrl) return;
    const fetched = await deps.controlPlane.fetchPacket(payloadUrl, deps.stopped);
    if (fetched.kind === "ok") {
      const { data, type } = fetched.value;
      record.lease = { ...record.lease, payload: data, payloadType: type, payloadUrl: null };
      return;
    }
    const why = fetched.kind === "cut" ? "the agent is stopping" : fetched.reason;
    throw new StartError(`The payload cannot be fetched: ${why}.`, fetched.kind !== "rejected");
  };

  const tenant: Tenant = {
    heard: () => outbox.mark(key)?.seq ?? 0,
    onHello,
    onFact,
    onRequest: (request) => void onRequest(request),
    onBeat: sayLease,
    onSilence: () => release("The runner did not start within a minute.", true),
    holdsSlot: () => holdsSlot(phase),
    isLeaving: () => isLeaving,
    async onExit(exit) {
      if (phase.kind === "ending") return;
      if (isCanceling) return endWith({ kind: "canceled", executedMs: 0 });
      const heard = (outbox.mark(key)?.seq ?? 0) > 0;
      if (!heard && !exit?.oomKilled) return release(neverStarted(exit), true);
      endWith({ kind: "failed", error: deathError(exit, record.lease), executedMs: 0 });
    },
  };
  const enter = (box: RunnerContainer): void => {
    container = box;
    box.enter(tenant);
  };
  const watch = (box: RunnerContainer): void => {
    unwatch = watchRunner({
      silentMs: deps.runnerSilentMs,
      heard: box.timesHeard,
      onSilent: () => endWith({ kind: "failed", error: silenceError(deps.runnerSilentMs), executedMs: 0 }),
    });
  };
  const startRun = async (signal: AbortSignal): Promise<void> => {
    const untrusted = whyUntrusted(record.lease, deps.trustedKeys);
    if (untrusted !== null) throw new StartError(untrusted, false);
    const box = await containers.acquire(record.lease);
    if (signal.aborted) return containers.putBack(box);
    enter(box);
    const placed = async () => {
      await fetchPayload();
      await box.take(record, bindingOf(record.lease)).catch((error: unknown) => {
        // The next run would fare the same here, and so be lost to agents that can.
        const isHopeless = error instanceof StartError && !error.retryable;
        if (!isHopeless && !isEnding() && !deps.stopped.aborted) deps.admission.placeFailed(error);
        throw error;
      });
      isPlaced = true;
      sayJob(); // the runner may be there already
    };
    await Promise.all([placed(), box.started()]);
    if (move({ kind: "container_started", id: box.key }).kind === "ending") return;
    watch(box);
    if (record.isWaiting) move({ kind: "waiting" }); // said before the engine had answered
  };

  return {
    key,
    runId,
    record,
    phase: () => phase,
    isPaused: () => container?.isFenced() ?? false,
    async start(): Promise<void> {
      if (phase.kind !== "preparing") return;
      try {
        await startRun(phase.abort.signal);
      } catch (error) {
        if (deps.stopped.aborted) return; // the next start of this agent hands it back
        const known = error instanceof StartError;
        const reason = error instanceof Error ? error.message : String(error);
        if (isEnding()) return; // its end cleans up
        logger.warn("a run could not be started", { runId, reason });
        release(reason, known ? error.retryable : true);
      }
    },
    /** Goes on with what an earlier process of this agent started. */
    adopt(box: RunnerContainer, id: string, paused: boolean): void {
      isPlaced = true;
      enter(box);
      move({ kind: "container_started", id: box.key });
      if (record.isWaiting) move({ kind: "waiting" });
      // The runner may have frozen the run; only who knows that the lease still stands may thaw it.
      box.adopt(id, paused, deps.contacted);
      watch(box);
      box.applyLimit();
    },
    /** Its container is gone, or ended while no agent was there. */
    enter,
    /** The wait is over. A new lease brings its epoch and its run token; without one the old lease goes on. */
    continue(waits: CompletedWait[], lease: Lease | null): void {
      if (lease) record.lease = lease;
      Object.assign(record, { continuation: waits, isWaiting: false });
      const saved = saveRecord();
      move({ kind: "continued" });
      // An agent that is killed between the two must not find a run that went on as one that waits.
      void saved.then(() => {
        void container?.setParked(false);
        sayContinue();
      });
    },
    /** Whether its end is under way: further orders would change nothing. */
    isEnding: (): boolean => isCanceling || phase.kind === "ending",
    cancel(): void {
      if (isCanceling || phase.kind === "ending") return;
      isCanceling = true;
      void container?.setParked(false);
      if (phase.kind === "preparing") {
        endWith({ kind: "canceled", executedMs: 0 });
        return;
      }
      container?.send({ t: "cancel", runId, graceMs: cancelGraceMs });
      after(cancelGraceMs + cancelMarginMs, () => endWith({ kind: "canceled", executedMs: 0 }));
    },
    /** The lease is gone (L3): ends what there is and reports nothing. Resolves when no trace is left. */
    stop(): Promise<void> {
      if (phase.kind !== "ending") end(Promise.resolve());
      return over;
    },
    /** Ends the run with its agent and says so, so that it is tried again now and not when its lease is over. */
    giveUp(): Promise<void> {
      const message = "The agent that executed this run was stopped.";
      const error = { type: "INTERNAL_ERROR", code: "TASK_RUN_LEASE_LOST", message } as const;
      if (phase.kind === "preparing") release(message, true);
      else endWith({ kind: "failed", error, executedMs: 0 });
      return this.stop();
    },
    async freeze(frozen: boolean): Promise<void> {
      await container?.setFenced(frozen);
      if (!frozen) sayLease();
    },
    detach(): void {
      for (const timer of timers) clearTimeout(timer);
      unwatch();
    },
  };
};

export type Execution = ReturnType<typeof createExecution>;

const neverStarted = (exit: ExitInfo | null): string => {
  if (!exit) return "The run's container was gone before the run had started.";
  const why = exit.detail ? `: ${exit.detail}` : "";
  return `The run's container ended (code ${exit.code ?? "unknown"}) before the runner in it was up${why}.`;
};

const silenceError = (silentMs: number) =>
  ({
    type: "INTERNAL_ERROR",
    code: "TASK_EXECUTION_FAILED",
    message: `The runner beside the task said nothing for ${Math.round(silentMs / 1_000)} seconds: the task may have stopped it, or its host had no time for it.`,
  }) as const;

const deathError = (exit: ExitInfo | null, lease: Lease) => {
  if (exit && (exit.code !== null || exit.signal !== null || exit.oomKilled)) {
    return exitError({ ...exit, stderr: exit.detail }, machinePresets[lease.machine].memoryGb);
  }
  return {
    type: "INTERNAL_ERROR",
    code: "TASK_EXECUTION_FAILED",
    message: "The run's process is gone: it was ended from outside, or its host was restarted.",
  } as const;
};
