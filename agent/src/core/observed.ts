/** Marks every container or process of ours. `key` names one execution: `<runId>-<epoch of its start>`. */
export type ExecutionLabels = { key: string; runId: string; attempt: number; epoch: number };

/** How a container or process ended. */
export type ExitInfo = {
  code: number | null;
  signal: string | null;
  oomKilled: boolean;
  /** What the runtime can add, e.g. the last words of the runner. */
  detail?: string | undefined;
};

/** A container or process of ours that exists now. */
export type Observed = {
  /** The runtime's own name of it. */
  id: string;
  labels: ExecutionLabels;
  state: { kind: "running" } | { kind: "paused" } | { kind: "exited"; exit: ExitInfo };
};
