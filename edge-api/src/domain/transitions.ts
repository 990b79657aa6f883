import { finalStates, type RunState } from "@longshore/shared/contract/run-status";

/** Who may make a move: a caller of the API, the agent that holds the lease, or the platform itself. */
export type Actor = "caller" | "agent" | "platform";

type Transition = {
  from: readonly RunState[];
  to: readonly RunState[];
  by: readonly Actor[];
  /** What the move needs beside the state. */
  fence: "none" | "lease_epoch";
};

/**
 * Every move of a run: the states it may leave and enter, and who may make it. The statements in db/transitions, the
 * CHECKs of the schema, docs/state-machine.md and the dashboard's buttons are tested against this table.
 */
export const TRANSITIONS = {
  trigger: {
    from: [],
    to: ["queued", "delayed", "pending_version", "system_failure"],
    by: ["caller"],
    fence: "none",
  },
  reschedule: { from: ["delayed"], to: ["delayed"], by: ["caller"], fence: "none" },
  promote: {
    from: ["delayed", "pending_version"],
    to: ["queued", "delayed"],
    by: ["platform"],
    fence: "none",
  },
  claim: { from: ["queued"], to: ["leased"], by: ["agent"], fence: "none" },
  start: { from: ["leased"], to: ["executing"], by: ["agent"], fence: "lease_epoch" },
  release: {
    from: ["leased"],
    to: ["delayed", "system_failure", "canceled"],
    by: ["agent", "platform"],
    fence: "lease_epoch",
  },
  wait: { from: ["executing"], to: ["waiting"], by: ["agent"], fence: "lease_epoch" },
  wake: { from: ["waiting"], to: ["queued"], by: ["platform"], fence: "none" },
  continue: { from: ["queued"], to: ["executing"], by: ["agent"], fence: "none" },
  // A process can end beside a wait of its own; a run that was woken then is still queued for its agent.
  retry: { from: ["executing", "waiting", "queued"], to: ["delayed"], by: ["agent"], fence: "lease_epoch" },
  complete: {
    from: ["executing", "waiting", "queued"],
    to: ["completed"],
    by: ["agent"],
    fence: "lease_epoch",
  },
  fail: {
    from: ["executing", "waiting", "queued"],
    to: ["failed", "crashed", "system_failure", "timed_out"],
    by: ["agent"],
    fence: "lease_epoch",
  },
  cancel: {
    from: ["pending_version", "delayed", "queued", "leased", "executing", "waiting"],
    to: ["canceled"],
    by: ["caller", "agent", "platform"],
    fence: "none",
  },
  expire: { from: ["queued"], to: ["expired"], by: ["platform"], fence: "none" },
  lose: {
    from: ["leased", "executing", "waiting", "queued"],
    to: ["delayed", "system_failure", "canceled"],
    by: ["platform"],
    fence: "lease_epoch",
  },
} as const satisfies Record<string, Transition>;

export type Move = keyof typeof TRANSITIONS;

/** Whether nothing leaves this state. */
export const isFinal = (state: RunState): boolean => (finalStates as readonly RunState[]).includes(state);

/** Whether the table lets a run go from one state to the other by any move. */
export const canMove = (from: RunState, to: RunState): boolean =>
  Object.values<Transition>(TRANSITIONS).some((move) => move.from.includes(from) && move.to.includes(to));
