import type { PollBody, PollResponse } from "@longshore/shared/contract/agent-protocol";
import { reconnectDelayMs } from "@longshore/shared/core/back-off";
import type { Outcome } from "../core/outcome.ts";
import { type LoopDeps, type LoopEnd, retryLimits, takeWork } from "./loop.ts";

export type PollDeps = LoopDeps & { version: string; runtime: string; labels: Record<string, string> };

/** So many empty answers at once mean that something between us does not hold requests. */
const emptyInARowMax = 10;

/**
 * The one long poll of this agent.
 *
 * I1  One poll is in flight; it is cut and sent again when what it says about capacity or draining has become wrong.
 * I2  While state facts wait to be reported the report asks for work, not the poll: it frees the place and fills it in
 *     one trip.
 */
export const pollLoop = async (deps: PollDeps, signal: AbortSignal): Promise<LoopEnd> => {
  const { clock, contact, logger } = deps;
  let failures = 0;
  let emptyInARow = 0;
  while (!signal.aborted) {
    const sent = contact.now();
    deps.say("polling");
    const outcome = await pollOnce(deps, signal);
    switch (outcome.kind) {
      case "cut":
        continue;
      case "fatal":
        return outcome;
      case "ok": {
        deps.meter.call("polls", true);
        if (failures > 0) logger.info("the API answers again", { after: failures });
        failures = 0;
        takeWork(deps, outcome.value);
        contact.acknowledged(sent, outcome.value);
        const isEmpty = outcome.value.leases.length + outcome.value.orders.length === 0;
        const isQuick = clock.monotonic() - sent.monotonic < outcome.value.settings.holdMs / 20;
        emptyInARow = isEmpty && isQuick ? emptyInARow + 1 : 0;
        if (emptyInARow > emptyInARowMax) await clock.sleep(Math.min(2_000, 50 * emptyInARow), signal);
        continue;
      }
      case "retry":
      case "rejected": {
        deps.meter.call("polls", false);
        const given = outcome.kind === "retry" ? outcome.afterMs : null;
        const pauseMs = given ?? reconnectDelayMs(failures, retryLimits, deps.random);
        failures++;
        if (failures === 1) logger.warn("the poll failed", { reason: outcome.reason });
        deps.say(`waiting ${Math.round(pauseMs)} ms to poll again: ${outcome.reason}`);
        await clock.sleep(pauseMs, signal);
      }
    }
  }
  return { kind: "stopped" };
};

const pollOnce = async (deps: PollDeps, signal: AbortSignal): Promise<Outcome<PollResponse>> => {
  const { contact, executions, outbox } = deps;
  const { ledger } = executions;
  const cut = new AbortController();
  const draining = executions.isDraining();
  const check = (): void => {
    const isReporting = outbox.size().stateFacts > 0; // I2
    if (executions.isDraining() !== draining || (ledger.pollIsStale() && !isReporting)) cut.abort(); // I1
  };
  const { runs, room } = ledger.promise("poll");
  const body: PollBody = {
    bootId: deps.bootId,
    cursor: contact.cursor(),
    free: runs,
    slots: deps.slots,
    ...(room && deps.capacity ? { room, capacity: deps.capacity } : {}),
    ...contact.asks(),
    held: executions.held(),
    holdMs: contact.settings().holdMs,
    version: deps.version,
    runtime: deps.runtime,
    labels: deps.labels,
    ...(draining ? { draining } : {}),
    ...(deps.drainsHere() ? { drainsItself: true } : {}),
    ...deps.view(),
  };
  const quiet = [executions.onChange(check), contact.onAcknowledged(check)];
  try {
    return await deps.controlPlane.poll(body, AbortSignal.any([signal, cut.signal]));
  } finally {
    for (const stop of quiet) stop();
    ledger.release("poll");
  }
};
