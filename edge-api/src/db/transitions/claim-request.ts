import type { HeldRun } from "@longshore/shared/contract/agent-protocol";

/** What an agent says of itself for people to see, and for those who count who takes runs. */
export type AgentView = {
  drainsItself: boolean;
  warm: number;
  heldBack: string | null;
  lastError: { at: string; message: string } | null;
};

/** Units: CPUs and MiB. */
export type Room = { cpu: number; memoryMb: number };

/** `ms`: how long the agent may go on unheard. `silentMs`: how long until its runs are given to others. Units: milliseconds. */
export type AskedLease = { ms: number; silentMs: number };

/** One claim, which is also the agent's beat. */
export type ClaimRequest = {
  agentId: string;
  bootId: string;
  free: number;
  slots: number;
  /** What the runs it takes may ask for together; null where only their number counts. */
  room: Room | null;
  /** What it may give to its runs in all. Left out: what the row says stays. */
  capacity?: Room | null;
  /** Until when nobody else may get what it holds; null: as for any agent, which is counted from its beat. */
  lease?: AskedLease | null;
  held: HeldRun[];
  version: string | null;
  runtime: string | null;
  labels: Record<string, string> | null;
  /** The agent's own word that it takes nothing more; an operator's is kept in its row. */
  draining: boolean | null;
  /** Left out: what the row says stays, as with `version`, `runtime` and `labels` of null. */
  view?: AgentView;
};
