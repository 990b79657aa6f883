import type { AttemptOutcome } from "@longshore/sdk/catalog";
import type { CompletedWait } from "@longshore/shared/contract/agent-protocol";
import type { RunnerFact, RunnerJob } from "@longshore/shared/contract/runner-protocol";
import { exitError } from "@longshore/shared/core/exit-error";
import { countMemoryKills } from "./cgroup-memory.ts";
import { fitOutcome } from "./fit-outcome.ts";
import type { FromExecutor, ToExecutor } from "./ipc.ts";
import { createLogBatch } from "./log-batch.ts";
import { limitLog } from "./log-limit.ts";
import { createMask, secretsOf } from "./mask-secrets.ts";
import { readOutput } from "./output-reader.ts";
import { type OutputEnd, readRest } from "./read-rest.ts";
import type { ReadyExecutor } from "./spare.ts";

/** How long the start of a run in a kept process may wait for company on its way. Units: milliseconds. */
const startGatherMs = 5;
/** A run whose time is over: its signal is aborted, then SIGTERM, then SIGKILL. */
const timeUp = { termAfterMs: 1_000, killAfterMs: 3_000 };

type Ending = { kind: "canceled" } | { kind: "time_up" } | null;
type Distribute<T> = T extends unknown ? Omit<T, "runId" | "epoch" | "at"> : never;

export type RunningJob = {
  job: RunnerJob;
  epoch(): number;
  continue(epoch: number, wait: number, waits: CompletedWait[]): void;
  cancel(graceMs: number): void;
  answer(message: Extract<ToExecutor, { t: "response" }>): void;
  /** Stops and starts reading the executor's output, which stops the task once its pipe is full. */
  holdOutput(hold: boolean): void;
  /** Stops the task where it is, until `thaw`. Either may be repeated. `lateMs`: how long it has stood still already. */
  freeze(lateMs: number): void;
  thaw(): void;
  kill(signal: NodeJS.Signals): void;
};

/**
 * Drives one executor through one run.
 *
 * I1  Exactly one final fact, after every log line of the run.
 * I2  Time is counted only while the run executes: not in waits, and not while it is frozen.
 * I3  What the task does after its cancellation or time-out does not change how the run ends.
 * I4  What ends beside its own wait (a race, a second wait, a crash) is told at once, under the epoch of that wait.
 * I5  The start is told first. That in a process which has served a run waits a moment for company: most runs in kept
 *     processes are over sooner than each word of them could be sent by itself.
 */
export const runJob = (
  { executor, mark, served }: ReadyExecutor,
  job: RunnerJob,
  to: {
    /** Shape: the number of the fact's frame. */
    fact(fact: RunnerFact): number;
    request(message: Extract<FromExecutor, { t: "request" }>): void;
    /** Called once, right after the final fact. `kept`: the process can serve another run. */
    onOver(kept: ReadyExecutor | null): void;
  },
): RunningJob => {
  const memoryKillsBefore = countMemoryKills();
  let epoch = job.epoch;
  let ending: Ending = null;
  let isOver = false;
  let concluding = false;
  /** The frame that opened the wait the task is in. */
  let openWait: number | null = null;
  let executedMs = 0;
  let runningSince: number | null = null;
  /** Between its start and its end, and in no wait. */
  let executes = false;
  let isFrozen = false;
  const timers = new Set<NodeJS.Timeout>();
  let durationTimer: NodeJS.Timeout | null = null;

  let untoldStart: string | null = null;
  const tellStart = (): void => {
    if (untoldStart === null) return;
    const at = untoldStart;
    untoldStart = null;
    to.fact({ kind: "started", runId: job.runId, epoch, at });
  };
  const tell = (fact: Distribute<RunnerFact>): number => {
    tellStart(); // I5
    if (fact.kind !== "log") logs.flush();
    return to.fact({ ...fact, runId: job.runId, epoch, at: new Date().toISOString() } as RunnerFact);
  };
  const logs = createLogBatch(job.attempt, (lines) => void tell({ kind: "log", lines }));
  const secrets = createMask(secretsOf(job.env, job.secretEnv ?? []));
  const say = limitLog((line) => logs.add(line));
  const output = readOutput(executor, mark, (line) => void (isOver || say(line)), secrets, served > 0);
  const after = (ms: number, act: () => void): void => {
    timers.add(setTimeout(act, ms));
  };
  const pauseClock = (lateMs = 0): void => {
    if (durationTimer) clearTimeout(durationTimer);
    if (runningSince !== null) executedMs += Math.max(0, performance.now() - lateMs - runningSince);
    runningSince = null;
  };
  const goOnCounting = (): void => {
    if (!executes || isFrozen || runningSince !== null) return; // I2
    runningSince = performance.now();
    if (job.maxDurationS === null) return;
    durationTimer = setTimeout(
      onTimeUp,
      Math.min(2 ** 31 - 1, Math.max(0, job.maxDurationS * 1000 - executedMs)),
    );
  };
  const stopClock = (): void => {
    executes = false;
    pauseClock();
  };
  const startClock = (): void => {
    executes = true;
    goOnCounting();
  };
  const onTimeUp = (): void => {
    if (ending) return;
    ending = { kind: "time_up" };
    executor.send({
      t: "abort",
      code: "MAX_DURATION_EXCEEDED",
      reason: "The run exceeded its maximum duration.",
    });
    after(timeUp.termAfterMs, () => executor.kill("SIGTERM"));
    after(timeUp.killAfterMs, () => executor.kill("SIGKILL"));
  };

  const finalFact = (outcome: AttemptOutcome): Distribute<RunnerFact> => {
    const ms = Math.round(executedMs);
    if (ending?.kind === "canceled") return { kind: "canceled", executedMs: ms }; // I3
    if (ending?.kind === "time_up") {
      const message = `The run exceeded its maximum duration of ${job.maxDurationS} s.`;
      const error = { type: "INTERNAL_ERROR", code: "MAX_DURATION_EXCEEDED", message } as const;
      return { kind: "failed", error, retry: { skip: true }, executedMs: ms };
    }
    const fit = fitOutcome(outcome);
    if (fit.kind === "failed") return { ...fit, error: secrets.deep(fit.error), executedMs: ms };
    return { kind: "completed", output: fit.output.data, outputType: fit.output.type, executedMs: ms };
  };
  const keeps = (): boolean => served + 1 < (job.keepAlive?.maxExecutions ?? 0) && executor.isUp();
  const conclude = async (
    outcome: () => AttemptOutcome,
    end: OutputEnd,
    isReusable = false,
  ): Promise<void> => {
    if (isOver || concluding) return;
    concluding = true;
    stopClock();
    executor.stdout.resume();
    executor.stderr.resume();
    const isWhole = await readRest(output, end);
    if (isWhole) output.close();
    for (const timer of timers) clearTimeout(timer);
    tell(finalFact(outcome())); // I1
    isOver = true;
    // What is left in the streams would be the next run's.
    if (isReusable && isWhole && !ending && keeps()) {
      executor.tell({});
      output.detach();
      return to.onOver({ executor, mark, served: served + 1 });
    }
    executor.kill("SIGKILL");
    to.onOver(null);
  };

  const onMessage = (message: FromExecutor): void => {
    if (isOver || concluding) return;
    switch (message.t) {
      case "started":
        untoldStart = new Date().toISOString();
        if (served > 0) after(startGatherMs, tellStart);
        else tellStart();
        startClock();
        return;
      case "waiting":
        stopClock();
        openWait = tell({ kind: "waiting", waits: message.waits });
        return;
      case "request":
        tellStart();
        to.request(message);
        return;
      case "done":
        void conclude(() => message.outcome, message.isMarked ? "marked" : "unmarked", message.isReusable); // I4
    }
  };
  const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    const memoryKills = countMemoryKills();
    const oomKilled = signal === "SIGKILL" && memoryKills !== null && memoryKills > (memoryKillsBefore ?? 0);
    void conclude(() => {
      const end = { code, signal, oomKilled, stderr: output.stderrTail() };
      return { kind: "failed", error: exitError(end, job.context.machine?.memory ?? null) };
    }, "closed");
  };
  executor.tell({ message: onMessage, exit: onExit });
  executor.send({ t: "run", job, mark });

  return {
    job,
    epoch: () => epoch,
    continue(newEpoch, wait, waits) {
      if (isOver || concluding || wait !== openWait) return;
      openWait = null;
      const moved = newEpoch > epoch;
      epoch = newEpoch;
      if (!ending) startClock();
      if (moved) tell({ kind: "started" });
      executor.send({ t: "continue", waits });
    },
    cancel(graceMs) {
      if (ending || isOver || concluding) return; // it has ended before
      ending = { kind: "canceled" };
      executor.send({ t: "abort", code: "TASK_RUN_CANCELLED", reason: "The run was cancelled." });
      after(graceMs, () => executor.kill("SIGKILL"));
    },
    answer: executor.send,
    holdOutput(hold) {
      if (isOver || concluding) return;
      for (const stream of [executor.stdout, executor.stderr]) hold ? stream.pause() : stream.resume();
    },
    freeze(lateMs) {
      isFrozen = true;
      pauseClock(lateMs);
      executor.kill("SIGSTOP");
    },
    thaw() {
      isFrozen = false;
      if (!isOver && !concluding) goOnCounting();
      executor.kill("SIGCONT");
    },
    kill: (signal) => executor.kill(signal),
  };
};
