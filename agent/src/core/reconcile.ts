import type { ExitInfo, Observed } from "./observed.ts";

/**
 * What the agent knows of an execution.
 * `preparing`: its container is being made. `held`: this process drives it. `dormant`: an earlier process of this agent
 * left it behind. `over`: its final fact is recorded.
 */
export type Desired = { key: string; state: "preparing" | "held" | "dormant" | "over" };

/** One thing to do so that what is there becomes what should be. */
export type Step =
  | { kind: "adopt"; key: string; id: string; isPaused: boolean }
  | { kind: "lost"; key: string; id: string | null; exit: ExitInfo | null }
  | { kind: "destroy"; key: string; id: string }
  | { kind: "forget"; key: string };

const stepFor = (wanted: Desired, seen: Observed | undefined): Step | null => {
  switch (wanted.state) {
    case "preparing":
      return null;
    case "over":
      return seen ? { kind: "destroy", key: wanted.key, id: seen.id } : { kind: "forget", key: wanted.key };
    case "held":
    case "dormant":
      if (!seen) return { kind: "lost", key: wanted.key, id: null, exit: null };
      if (seen.state.kind === "exited") {
        return { kind: "lost", key: wanted.key, id: seen.id, exit: seen.state.exit };
      }
      return wanted.state === "dormant"
        ? { kind: "adopt", key: wanted.key, id: seen.id, isPaused: seen.state.kind === "paused" }
        : null;
  }
};

/**
 * Compares what should be with what is.
 *
 * `observed` must be listed after `desired` was written down, and hold only what carries this agent's label: then
 * whatever is missing is really gone. A container that no execution knows is a leftover and is destroyed.
 */
export const reconcile = (desired: Desired[], observed: Observed[]): Step[] => {
  const alive = (one: Observed) => (one.state.kind === "exited" ? 1 : 0);
  const byKey = new Map<string, Observed>();
  const steps: Step[] = [];
  for (const one of [...observed].sort((a, b) => alive(a) - alive(b))) {
    if (byKey.has(one.labels.key)) steps.push({ kind: "destroy", key: one.labels.key, id: one.id });
    else byKey.set(one.labels.key, one);
  }
  for (const wanted of desired) {
    const step = stepFor(wanted, byKey.get(wanted.key));
    if (step) steps.push(step);
    byKey.delete(wanted.key);
  }
  for (const one of byKey.values()) steps.push({ kind: "destroy", key: one.labels.key, id: one.id });
  return steps;
};
