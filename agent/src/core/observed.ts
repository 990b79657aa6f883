/** Marks every container or process of ours. What is in it changes; its record says that. */
export type ContainerLabels = { key: string };

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
  labels: ContainerLabels;
  state: { kind: "running" } | { kind: "paused" } | { kind: "exited"; exit: ExitInfo };
};
