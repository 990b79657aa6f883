import type { CompletedWait, Lease } from "@longshore/shared/contract/agent-protocol";
import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { Binding } from "../core/binding.ts";

/** What must be known to go on with an execution after the agent's own restart. */
export type RunRecord = {
  /** `<runId>-<epoch of its start>`: names the execution, whatever container it is in. */
  key: string;
  /** As it was last granted: a continuation brings a new epoch and a new run token. */
  lease: Lease;
  /** The runner's frame that opened the latest wait. */
  waitFrame: number | null;
  isWaiting: boolean;
  /** When the latest wait began, by the wall clock. Units: milliseconds. */
  waitingSince: number;
  /** What its container took then; null where that cannot be seen. Units: MiB. */
  waitingMb: number | null;
  /** What ended that wait: sent again to a runner that may not have heard it. */
  continuation: CompletedWait[] | null;
};

/** A runner container, and the run that is in it. Its labels cannot say that: they never change after its creation. */
export type ContainerRecord = {
  key: string;
  /** What its runner shows when it connects. */
  token: string;
  /** The runner, image and network that it was made with: one of another generation gets no further run. */
  generation: string;
  machine: MachinePreset;
  /** The image it was made of for its deployment; null for the agent's own. */
  image: string | null;
  /** Null while it holds no code; set once. */
  binding: Binding | null;
  /** The runner's frames up to this one belong to runs that are over. */
  framesHeard: number;
  run: RunRecord | null;
};

/** The folders of runner containers, and the record in each. They hold secrets: for the agent's own eyes. */
export type ContainerRecords = {
  dir(key: string): string;
  /** The part of `dir` with the socket, as the container sees it. */
  socketDir(key: string): string;
  /** The part of `dir` that gets the code, as the container sees it. */
  bundleDir(key: string): string;
  save(record: ContainerRecord): Promise<void>;
  /** Records that cannot be read are left out and named to the logger. */
  list(): Promise<ContainerRecord[]>;
  remove(key: string): Promise<void>;
  /** Lets go of the files; what is saved after that begins its file anew. */
  close(): Promise<void>;
  /** Removes folders without a record, and marks without a run: what a crash in the middle leaves. */
  removeStrays(marks: { keys(): string[]; forget(key: string): void }): Promise<void>;
};
