import type { Lease, Order } from "@longshore/shared/contract/agent-protocol";

/**
 * Where an execution is on this agent; each phase owns what it names.
 * `preparing` owns the start that can still be aborted, `running` and `waiting` a container, `ending` the clean-up.
 */
export type Phase =
  | { kind: "preparing"; abort: AbortController }
  | { kind: "running"; id: string }
  | { kind: "waiting"; id: string }
  | { kind: "ending"; id: string | null };

/** What may happen to an execution. */
export type PhaseEvent =
  | { kind: "container_started"; id: string }
  | { kind: "waiting" }
  | { kind: "continued" }
  | { kind: "final" };

/** The phase after an event; the same phase when the event changes nothing (a repeat, or too late). */
export const nextPhase = (phase: Phase, event: PhaseEvent): Phase => {
  if (phase.kind === "ending") return phase;
  switch (event.kind) {
    case "container_started":
      return phase.kind === "preparing" ? { kind: "running", id: event.id } : phase;
    case "waiting":
      return phase.kind === "running" ? { kind: "waiting", id: phase.id } : phase;
    case "continued":
      return phase.kind === "waiting" ? { kind: "running", id: phase.id } : phase;
    case "final":
      return { kind: "ending", id: phase.kind === "preparing" ? null : phase.id };
  }
};

/** A waiting run's process is kept, but its slot is free for another run. */
export const holdsSlot = (phase: Phase): boolean => phase.kind === "preparing" || phase.kind === "running";

type Known = { epoch: number; phase: Phase } | undefined;

/**
 * What a lease means, given what this agent holds of the run.
 * `repeat`: delivered before. `replace`: the old process lost its right (L3). `continuation_lost`: there is nothing left
 * to go on with.
 */
export const decideLease = (
  known: Known,
  lease: Pick<Lease, "kind" | "epoch">,
): "start" | "replace" | "repeat" | "continue" | "continuation_lost" => {
  if (known && lease.epoch <= known.epoch) return "repeat";
  if (lease.kind === "continue") {
    return known?.phase.kind === "waiting" ? "continue" : "continuation_lost";
  }
  return known ? "replace" : "start";
};

/**
 * What an order means. An order under an epoch older than ours was meant for an earlier lease and is ignored; a cancel
 * for a run that is not here is answered, so that the run does not hang.
 */
export const decideOrder = (
  known: Known,
  order: Pick<Order, "kind" | "epoch">,
): "ignore" | "cancel" | "stop" | "report_canceled" => {
  if (!known) return order.kind === "cancel" ? "report_canceled" : "ignore";
  if (order.epoch < known.epoch || (known.phase.kind === "ending" && order.kind === "cancel"))
    return "ignore";
  return order.kind;
};

/** After a fact of these kinds nothing more is said about an execution. */
export const isFinal = (kind: string): boolean =>
  kind === "completed" || kind === "failed" || kind === "canceled" || kind === "released";
