import type { CompletedWait, Lease } from "@longshore/shared/contract/agent-protocol";
import { machinePresets } from "@longshore/shared/contract/machines";
import type { RunnerFact, RunnerFrame, RunnerJob } from "@longshore/shared/contract/runner-protocol";
import type { Clock } from "@longshore/shared/core/clock";
import { exitError } from "@longshore/shared/core/exit-error";
import { isFinal, nextPhase, type Phase, type PhaseEvent } from "./core/execution.ts";
import type { ExitInfo } from "./core/observed.ts";
import { whyUntrusted } from "./core/trust.ts";
import type { BundleStore } from "./ports/bundle-store.ts";
import { type ContainerRuntime, StartError } from "./ports/container-runtime.ts";
import type { ControlPlane } from "./ports/control-plane.ts";
import type { Logger } from "./ports/logger.ts";
import type { FactBody, NewFact, Outbox } from "./ports/outbox.ts";
import type { RunRecord, RunRecords } from "./ports/run-records.ts";
import type { OpenRunnerSocket, RunnerSocket } from "./ports/runner-socket.ts";

export type ExecutionDeps = {
  runtime: ContainerRuntime;
  outbox: Outbox;
  records: RunRecords;
  bundles: BundleStore;
  controlPlane: Pick<ControlPlane, "forward" | "fetchPacket">;
  openSocket: OpenRunnerSocket;
  runnerDir: string;
  clock: Clock;
  logger: Logger;
  orphanGraceMs: number;
  /** Keys whose deployments are executed; with none, everybody's. */
  trustedKeys: readonly string[];
  /** How long a lease lasts without contact, as the API last said. Units: milliseconds. */
  leaseMs(): number;
  /** Resolves once the API has been heard, and its orders obeyed, since this process began. */
  contacted: Promise<void>;
  /** Aborted when the agent's process ends; what runs goes on without it. */
  stopped: AbortSignal;
};

/** How long a cancelled task may take to end by itself, and the runner beyond that. Units: milliseconds. */
const cancelGraceMs = 10_000;
const cancelMarginMs = 3_000;
/** A container whose runner says nothing for this long did not start. Units: milliseconds. */
const helloWithinMs = 60_000;
/** How long the last frames of an ended container may take to be read. Units: milliseconds. */
const drainMs = 300;
const responseCharsMax = 15 * 1024 * 1024;
/** Share of the machine's memory that the executor's heap may take; the rest is the runner's and native. */
const heapShare = 0.8;

/**
 * One execution on this agent, from its lease to the last trace of it.
 *
 * I1  A runner's fact is acknowledged to the runner only after it is safe in the outbox, and put there once: its frame
 *     number is kept beside it.
 * I2  At most one final fact; whatever comes after it is dropped.
 * I3  The container goes only after the final fact is safe; its folder after the container; its mark last.
 * I4  What the runner must hear (job, continuation, cancel) is said again after each hello; it ignores repeats.
 */
export const createExecution = (record: RunRecord, deps: ExecutionDeps, onChange: () => void) => {
  const { runtime, outbox, records, logger, clock } = deps;
  const { key } = record;
  const { runId } = record.lease;
  let phase: Phase = { kind: "preparing", abort: new AbortController() };
  let socket: RunnerSocket | null = null;
  let isCanceling = false;
  let isPaused = false;
  let saidHello = false;
  let bundleDir: string | null = null;
  let pausing: Promise<void> = Promise.resolve();
  let over: Promise<void> = Promise.resolve();
  const timers = new Set<NodeJS.Timeout>();

  const after = (ms: number, act: () => void): void => {
    timers.add(setTimeout(act, ms).unref());
  };
  const move = (event: PhaseEvent): Phase => {
    phase = nextPhase(phase, event);
    onChange();
    return phase;
  };
  const isEnding = (): boolean => phase.kind === "ending";
  const saveRecord = (): void => {
    records
      .save(record)
      .catch((error) => logger.error("a run's record was not saved", { key, why: String(error) }));
  };
  const append = (fact: FactBody, from?: { key: string; frame: number }): Promise<void> => {
    const at = new Date(clock.now()).toISOString();
    return outbox.append({ ...fact, runId, epoch: record.lease.epoch, at } as NewFact, from);
  };

  const cleanUp = async (id: string | null): Promise<void> => {
    for (const timer of timers) clearTimeout(timer);
    if (id) await runtime.remove(id);
    await socket?.close();
    await records.remove(key);
    outbox.forget(key); // I3
  };
  const settled = (work: Promise<unknown>): Promise<void> =>
    work.then(
      () => {},
      (error) => logger.warn("an execution was not cleaned up; the sweep will", { key, why: String(error) }),
    );
  /** Ends the execution, after `said` is safe. */
  const end = (said: Promise<void>): void => {
    if (phase.kind === "preparing") phase.abort.abort();
    const last = move({ kind: "final" });
    const id = last.kind === "ending" ? last.id : null;
    over = settled(
      said.then(() => {
        socket?.send({ t: "shutdown" });
        return cleanUp(id);
      }),
    );
  };
  const endWith = (fact: FactBody): void => {
    if (phase.kind === "ending") return; // I2
    end(append(fact, { key, frame: 0 }));
  };
  const release = (reason: string, retryable: boolean): void =>
    endWith({ kind: "released", reason: reason.slice(0, 2_000), retryable });

  const job = (): RunnerJob => {
    const { lease } = record;
    const paths = runtime.paths({ bundleDir: bundleDir ?? "", socketDir: records.socketDir(key) });
    return {
      runId,
      epoch: lease.epoch,
      attempt: lease.attempt,
      task: lease.task,
      payload: lease.payload,
      payloadType: lease.payloadType,
      bundleDir: paths.bundleDir,
      entry: lease.deployment.entry,
      env: lease.env,
      secretEnv: lease.secretEnv,
      maxDurationS: lease.maxDurationS,
      oldSpaceMb: oldSpaceMb(lease),
      context: lease.context,
    };
  };

  const sayContinue = (): void => {
    const { continuation: waits, waitFrame: wait, lease } = record;
    if (waits && wait !== null) socket?.send({ t: "continue", runId, epoch: lease.epoch, wait, waits });
  };
  const onHello = (hello: Extract<RunnerFrame, { t: "hello" }>): { ack: number } => {
    saidHello = true;
    const mark = outbox.mark(key);
    queueMicrotask(() => {
      // I4
      if (!hello.running && !mark?.final) socket?.send({ t: "run", job: job() });
      sayContinue();
      if (isCanceling) socket?.send({ t: "cancel", runId, graceMs: cancelGraceMs });
    });
    return { ack: mark?.seq ?? 0 };
  };

  const note = (frame: number, fact: RunnerFact): void => {
    if (fact.kind !== "waiting") return;
    Object.assign(record, { waitFrame: frame, isWaiting: true, continuation: null });
    saveRecord();
    move({ kind: "waiting" });
  };
  const onFact = (frame: number, fact: RunnerFact): void => {
    const acknowledge = () => void socket?.send({ t: "ack", seq: frame });
    const isRepeat = frame <= (outbox.mark(key)?.seq ?? 0);
    // A container speaks for its own run alone, and never for a lease it was not told of.
    const isForeign = fact.runId !== runId || fact.epoch > record.lease.epoch;
    if (isRepeat || isForeign || phase.kind === "ending") {
      acknowledge();
      return;
    }
    note(frame, fact);
    const said = outbox.append(fact, { key, frame });
    said.then(acknowledge, (error) => logger.error("the outbox cannot be written", { why: String(error) })); // I1
    if (isFinal(fact.kind)) end(said);
  };
  const onRequest = async (request: Extract<RunnerFrame, { t: "request" }>): Promise<void> => {
    const { id, method, path, headers, body } = request;
    const call = { method, path, headers, body };
    const answered = await deps.controlPlane.forward(record.lease.runToken, call, deps.stopped);
    const refuse = (status: number, error: string) =>
      socket?.send({
        t: "response",
        id,
        status,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ error }),
      });
    if (answered.kind === "cut") return;
    if (answered.kind === "rejected") return void refuse(answered.status, answered.reason);
    if (answered.kind !== "ok") return void refuse(503, answered.reason);
    if (answered.value.body.length > responseCharsMax) return void refuse(502, "the answer is too large");
    socket?.send({ t: "response", id, ...answered.value });
  };
  const openSocket = async (): Promise<void> => {
    socket = await deps.openSocket(records.socketDir(key), record.runnerToken, {
      onHello,
      onFrame(frame) {
        if (frame.t === "fact") onFact(frame.seq, frame.fact);
        else if (frame.t === "request") void onRequest(frame);
      },
      onClosed: onChange,
    });
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

  const startContainer = async (signal: AbortSignal): Promise<void> => {
    const { lease } = record;
    const untrusted = whyUntrusted(lease, deps.trustedKeys);
    if (untrusted !== null) throw new StartError(untrusted, false);
    const ready = (async () => {
      await fetchPayload();
      await records.save(record);
      await openSocket();
    })();
    const [bundle] = await Promise.all([deps.bundles.get(lease.deployment.bundleHash, deps.stopped), ready]);
    bundleDir = bundle;
    if (signal.aborted) return cleanUp(null);
    const socketDir = records.socketDir(key);
    const id = await runtime.start({
      labels: { key, runId, attempt: lease.attempt, epoch: lease.epoch },
      machine: lease.machine,
      runDir: records.runDir(key),
      socketDir,
      bundleDir: bundle,
      runnerDir: deps.runnerDir,
      env: {
        LONGSHORE_SOCKET: runtime.paths({ bundleDir: bundle, socketDir }).socketPath,
        LONGSHORE_RUNNER_TOKEN: record.runnerToken,
        LONGSHORE_ORPHAN_GRACE_MS: String(deps.orphanGraceMs),
        // Half a lease: the agent's own silence before its end comes on top.
        LONGSHORE_FENCE_MS: String(Math.round(deps.leaseMs() / 2)),
        LONGSHORE_OLD_SPACE_MB: String(oldSpaceMb(lease)),
      },
    });
    if (move({ kind: "container_started", id }).kind === "ending") return void (await cleanUp(id));
    if (record.isWaiting) move({ kind: "waiting" }); // said before the engine had answered
    after(helloWithinMs, () => {
      if (!saidHello && !isPaused) release("The runner did not start within a minute.", true);
    });
  };

  return {
    key,
    runId,
    record,
    phase: () => phase,
    isPaused: () => isPaused,
    async start(): Promise<void> {
      if (phase.kind !== "preparing") return;
      const { signal } = phase.abort;
      try {
        await startContainer(signal);
      } catch (error) {
        if (deps.stopped.aborted) return; // the next start of this agent hands it back
        const known = error instanceof StartError;
        const reason = error instanceof Error ? error.message : String(error);
        if (isEnding()) return settled(cleanUp(null));
        logger.warn("a run could not be started", { runId, reason });
        release(reason, known ? error.retryable : true);
      }
    },
    /** Goes on with what an earlier process of this agent started. */
    async adopt(id: string, paused: boolean): Promise<void> {
      move({ kind: "container_started", id });
      if (record.isWaiting) move({ kind: "waiting" });
      isPaused = paused;
      bundleDir = await deps.bundles.get(record.lease.deployment.bundleHash, deps.stopped).catch(() => null);
      // The runner may have frozen the run; only who knows that the lease still stands may thaw it.
      void settled(deps.contacted.then(() => (isEnding() ? undefined : openSocket())));
    },
    /** The wait is over. A new lease brings its epoch and its run token; without one the old lease goes on. */
    continue(waits: CompletedWait[], lease: Lease | null): void {
      if (lease) record.lease = lease;
      Object.assign(record, { continuation: waits, isWaiting: false });
      saveRecord();
      move({ kind: "continued" });
      sayContinue();
    },
    /** Whether its end is under way: further orders would change nothing. */
    isEnding: (): boolean => isCanceling || phase.kind === "ending",
    cancel(): void {
      if (isCanceling || phase.kind === "ending") return;
      isCanceling = true;
      if (phase.kind === "preparing") {
        endWith({ kind: "canceled", executedMs: 0 });
        return;
      }
      socket?.send({ t: "cancel", runId, graceMs: cancelGraceMs });
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
      else if (phase.kind === "running") endWith({ kind: "failed", error, executedMs: 0 });
      // A waiting run holds no lease to report under; its agent's absence is found by the API.
      return this.stop();
    },
    /** The container ended: whatever it still said is read first. */
    async onExit(exit: ExitInfo | null): Promise<void> {
      const deadline = clock.monotonic() + drainMs;
      while (socket?.isConnected() && clock.monotonic() < deadline) await clock.sleep(5);
      if (phase.kind === "ending") return;
      if (isCanceling) return endWith({ kind: "canceled", executedMs: 0 });
      const heard = saidHello || (outbox.mark(key)?.seq ?? 0) > 0;
      if (!heard && !exit?.oomKilled) return release(neverStarted(exit), true);
      endWith({ kind: "failed", error: deathError(exit, record.lease), executedMs: 0 });
    },
    freeze(frozen: boolean): Promise<void> {
      pausing = pausing.then(async () => {
        if (isPaused === frozen || !("id" in phase) || !phase.id) return;
        isPaused = frozen;
        await settled(frozen ? runtime.pause(phase.id) : runtime.resume(phase.id));
      });
      return pausing;
    },
    async detach(): Promise<void> {
      for (const timer of timers) clearTimeout(timer);
      await socket?.close();
    },
  };
};

export type Execution = ReturnType<typeof createExecution>;

const oldSpaceMb = (lease: Lease): number =>
  Math.floor(machinePresets[lease.machine].memoryGb * 1024 * heapShare);

const neverStarted = (exit: ExitInfo | null): string => {
  if (!exit) return "The run's container was gone before the run had started.";
  const why = exit.detail ? `: ${exit.detail}` : "";
  return `The run's container ended (code ${exit.code ?? "unknown"}) before the runner in it was up${why}.`;
};

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
