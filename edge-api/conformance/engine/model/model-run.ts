import type { RunState } from "@longshore/shared/contract/run-status";
import { newId } from "@longshore/shared/core/ids";

/** What a run can wait for. Units: `dueMs` in milliseconds from the beginning of the history. */
export type Wait = { child: string } | { batch: string } | { token: string } | { dueMs: number };

/** A run as the reference sees it. */
export type ModelRun = {
  id: string;
  task: string;
  queue: string;
  /** Concurrency key, "" = none. */
  lane: string;
  limits: readonly string[];
  gates: readonly string[];
  /** What its agent must have. */
  labels: Readonly<Record<string, string>>;
  state: RunState;
  epoch: number;
  attempt: number;
  machine: string;
  /** The agent whose lease it is, or whose process waits. */
  agent: string | null;
  hasLease: boolean;
  leasedMs: number;
  isAcked: boolean;
  isParked: boolean;
  /** Whether its lease goes on with a process that waited. */
  isContinuation: boolean;
  isCanceling: boolean;
  hasAttemptEnded: boolean;
  releases: number;
  createdMs: number;
  /** When the caller wished it to start. */
  delayMs: number | null;
  dueMs: number | null;
  ttlMs: number | null;
  expiresMs: number | null;
  priority: number;
  positionMs: number;
  /** What it may wait for. */
  children: string[];
  batches: string[];
  parent: string | null;
  open: Wait[];
  key: string | null;
  external: string | null;
};

/** What a trigger asks for, as the history chose it. Units: milliseconds from now. */
export type TriggerSpec = {
  id: string;
  task: string;
  lane: string;
  limits: readonly string[];
  gates: readonly string[];
  labels: Readonly<Record<string, string>>;
  ttlMs: number | null;
  delayMs: number;
  priority: number;
  key: string | null;
  keyLifeMs: number;
  request: string | null;
  debounce: { key: string; delayMs: number; maxDelayMs: number | null } | null;
  parent: string | null;
  resumes: boolean;
  external: string | null;
};

/** What a batch is in the reference: which run took which place. */
export type ModelBatch = {
  id: string;
  runCount: number;
  items: Map<number, string>;
  hasFailed: boolean;
  status: "PENDING" | "PROCESSING" | "COMPLETED" | "PARTIAL_FAILED" | "ABORTED";
  parent: string | null;
  sealByMs: number;
  key: string | null;
};

export type Answer = "moved" | "repeated" | "refused" | "ready" | "broken" | "requested" | "missing";

/** A trigger without options. */
export const plainSpec = (task: string, lane: string, id = newId("run")): TriggerSpec => ({
  ...{ id, task, lane, limits: [], gates: [], labels: {}, ttlMs: null, delayMs: 0, priority: 0 },
  ...{ key: null, keyLifeMs: 0, request: null, debounce: null, parent: null, resumes: false, external: null },
});

/** A run that has just been made, before anything happened to it. */
export const newRun = (spec: TriggerSpec, queue: string, machine: string, nowMs: number): ModelRun => ({
  ...{
    id: spec.id,
    task: spec.task,
    queue,
    lane: spec.lane,
    limits: spec.limits,
    gates: spec.gates,
    labels: spec.labels,
    machine,
  },
  ...{ state: "pending_version", epoch: 0, attempt: 0, agent: null, hasLease: false, leasedMs: 0 },
  ...{
    isAcked: false,
    isParked: false,
    isContinuation: false,
    isCanceling: false,
    hasAttemptEnded: false,
    releases: 0,
  },
  ...{ createdMs: nowMs, delayMs: spec.delayMs > 0 ? nowMs + spec.delayMs : null, dueMs: null },
  ...{ ttlMs: spec.ttlMs, expiresMs: null, priority: spec.priority, positionMs: 0 },
  ...{ children: [], batches: [], parent: spec.parent, open: [], key: spec.key, external: spec.external },
});

/** An item of a batch that could not be triggered. */
export const failedItem = (
  id: string,
  task: string,
  parent: string | null,
  machine: string,
  nowMs: number,
): ModelRun => ({
  ...newRun({ ...plainSpec(task, "", id), parent }, "", machine, nowMs),
  state: "system_failure",
});
