import type { CompletedWait, Lease } from "@longshore/shared/contract/agent-protocol";

/** What must be known to go on with an execution after the agent's own restart. */
export type RunRecord = {
  key: string;
  /** As it was last granted: a continuation brings a new epoch and a new run token. */
  lease: Lease;
  runnerToken: string;
  /** The runner's frame that opened the latest wait. */
  waitFrame: number | null;
  isWaiting: boolean;
  /** What ended that wait: sent again to a runner that may not have heard it. */
  continuation: CompletedWait[] | null;
};

/** The folders of executions, and the record in each. They hold secrets: for the agent's own eyes. */
export type RunRecords = {
  runDir(key: string): string;
  /** The part of `runDir` that the container sees. */
  socketDir(key: string): string;
  save(record: RunRecord): Promise<void>;
  /** Records that cannot be read are left out and named to the logger. */
  list(): Promise<RunRecord[]>;
  remove(key: string): Promise<void>;
  /** Removes folders without a record, and marks without a folder: what a crash in the middle leaves. */
  removeStrays(marks: { keys(): string[]; forget(key: string): void }): Promise<void>;
};
