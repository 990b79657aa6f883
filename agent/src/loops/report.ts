import type { Fact, ReportResponse } from "@longshore/shared/contract/agent-protocol";
import { reconnectDelayMs } from "@longshore/shared/core/back-off";
import { createAlarm } from "../core/alarm.ts";
import { type LoopDeps, type LoopEnd, retryLimits, takeWork } from "./loop.ts";

const limits = { factsMax: 500, bytesMax: 1024 * 1024 };
/** How long a fact may wait for company. Units: milliseconds. */
const gatherMs = { state: 2, log: 250 };

/**
 * Sends what the outbox holds, and beats while runs are held.
 *
 * I1  One report is in flight, so the facts of a run arrive in order.
 * I2  A fact leaves the outbox only when the API has said what became of it.
 * I3  A batch that the API refuses as a whole is sent again fact by fact; only the one at fault is given up. In the place
 *     of an end that it refuses goes a failure that says so: a run is never left to be taken for lost.
 */
export const reportLoop = async (deps: LoopDeps, signal: AbortSignal): Promise<LoopEnd> => {
  const { clock, contact, executions, logger, outbox } = deps;
  const alarm = createAlarm(clock);
  outbox.onReady((kind) => alarm.set(gatherMs[kind]));
  if (outbox.size().facts > 0) alarm.set(0);
  let failures = 0;
  let oneByOne = false;

  const isBeatDue = (): boolean =>
    executions.held().length > 0 && contact.silentMs() >= contact.settings().beatMs * 0.9;
  const isDue = (): boolean => outbox.size().facts > 0 || isBeatDue();
  // The API may have asked for beats that are due earlier than the one planned; and a lease that came with an old answer
  // is confirmed at once.
  const quiet = contact.onAcknowledged(() => alarm.set(isBeatDue() ? 0 : contact.settings().beatMs));

  while (!signal.aborted) {
    deps.say("waiting for facts");
    alarm.set(contact.settings().beatMs);
    await alarm.wait(signal);
    if (signal.aborted || !isDue()) continue;
    const facts = outbox.batch(oneByOne ? { ...limits, factsMax: 1 } : limits);
    deps.say(`reporting ${facts.length} facts`);
    const sent = contact.now();
    const outcome = await sendReport(deps, facts, signal);
    switch (outcome.kind) {
      case "cut":
        continue;
      case "fatal":
        return outcome;
      case "ok": {
        deps.meter.call("reports", true);
        failures = 0;
        oneByOne = false;
        applyReport(deps, facts, outcome.value);
        contact.acknowledged(sent, outcome.value);
        if (outbox.size().facts > 0) alarm.set(0);
        continue;
      }
      case "rejected":
        deps.meter.call("reports", false);
        if (facts.length === 1 && facts[0]) await giveUp(deps, facts[0], outcome.reason);
        oneByOne = true;
        alarm.set(facts.length > 0 ? 0 : retryLimits.maxMs);
        continue;
      case "retry": {
        deps.meter.call("reports", false);
        const pauseMs = outcome.afterMs ?? reconnectDelayMs(failures, retryLimits, deps.random);
        if (failures++ === 0) logger.warn("the report failed", { reason: outcome.reason });
        if (outcome.isTooLarge) oneByOne = true;
        deps.say(`waiting ${Math.round(pauseMs)} ms to report again: ${outcome.reason}`);
        await pause(deps, pauseMs, signal);
        alarm.set(0);
      }
    }
  }
  quiet();
  return { kind: "stopped" };
};

const refusedEnd = "TASK_OUTPUT_ERROR";

/** I3. What the fact holds is a task's own, and no matter of this log. */
const giveUp = async ({ logger, outbox }: LoopDeps, fact: Fact, reason: string): Promise<void> => {
  const { kind, seq, runId, epoch, at } = fact;
  logger.error("the API refused a fact for good", { reason, kind, seq, runId, epoch });
  const wasReplaced =
    kind === "failed" && fact.error.type === "INTERNAL_ERROR" && fact.error.code === refusedEnd;
  if (kind === "completed" || (kind === "failed" && !wasReplaced)) {
    const message = `The API refused what the run ended with: ${reason}`.slice(0, 1_000);
    const error = { type: "INTERNAL_ERROR", code: refusedEnd, message } as const;
    const { executedMs } = fact;
    await outbox.append({ kind: "failed", runId, epoch, at, error, retry: { skip: true }, executedMs });
  }
  outbox.ack([seq]);
};

/**
 * Ends early when a poll ends a silence: what happened meanwhile is told with the first beat, before the API could take a
 * run back as not begun. Polls that are answered all the time hurry nothing.
 */
const pause = async ({ clock, contact }: LoopDeps, ms: number, signal: AbortSignal): Promise<void> => {
  const heard = new AbortController();
  const isSilent = contact.silentMs() > contact.settings().beatMs;
  const quiet = contact.onAcknowledged(() => isSilent && heard.abort());
  await clock.sleep(ms, AbortSignal.any([signal, heard.signal]));
  quiet();
};

const sendReport = async (deps: LoopDeps, facts: Fact[], signal: AbortSignal) => {
  const { executions, contact, controlPlane } = deps;
  // While starts fail here, only the poll asks for a run: it lets other agents choose first.
  const { runs, room } =
    deps.view().heldBack === null ? executions.ledger.promise("report") : { runs: 0, room: null };
  const body = {
    bootId: deps.bootId,
    cursor: contact.cursor(),
    free: runs,
    slots: deps.slots,
    ...(room ? { room } : {}),
    ...contact.asks(),
    held: executions.held(),
    facts,
  };
  try {
    return await controlPlane.report(body, signal);
  } finally {
    executions.ledger.release("report");
  }
};

const applyReport = (deps: LoopDeps, facts: Fact[], answer: ReportResponse): void => {
  const { executions, outbox } = deps;
  const bySeq = new Map(facts.map((fact) => [fact.seq, fact]));
  const settled: number[] = [];
  for (const result of answer.results) {
    const fact = bySeq.get(result.seq);
    if (!fact) continue;
    executions.applyResult(fact, result);
    settled.push(result.seq);
  }
  outbox.ack(settled); // I2
  takeWork(deps, answer);
};

/** Sends what is left once, before the process ends. */
export const flushReports = async (deps: LoopDeps, signal: AbortSignal): Promise<void> => {
  await deps.outbox.flush();
  while (!signal.aborted && deps.outbox.size().facts > 0) {
    const facts = deps.outbox.batch(limits);
    const outcome = await sendReport(deps, facts, signal);
    if (outcome.kind !== "ok" || outcome.value.results.length === 0) return;
    applyReport(deps, facts, outcome.value);
  }
};
