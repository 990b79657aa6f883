import type { Fact } from "@longshore/shared/contract/agent-protocol";

type WithoutSeq<T> = T extends unknown ? Omit<T, "seq"> : never;

/** A fact that has no place in the outbox yet. */
export type NewFact = WithoutSeq<Fact>;

type WithoutBase<T> = T extends unknown ? Omit<T, "runId" | "epoch" | "at"> : never;

/** What a fact says, without whom it is about and when. */
export type FactBody = WithoutBase<NewFact>;

/** How far an execution's runner has been heard: its last frame, and whether a final fact was among them. */
export type Mark = { seq: number; final: boolean };

/**
 * Facts on disk until the API has acknowledged them.
 * A fact can be taken for a report as soon as it is written; `append` resolves when it would survive a power cut (state
 * facts) or the end of this process (logs).
 */
export type Outbox = {
  append(fact: NewFact, from?: { key: string; frame: number }): Promise<void>;
  /** The next facts in order of `seq`, at least one if there is any. */
  batch(limits: { factsMax: number; bytesMax: number }): Fact[];
  ack(seqs: number[]): void;
  /** Null for an execution that never reported. */
  mark(key: string): Mark | null;
  /** Every execution with a mark. */
  keys(): string[];
  /** The execution is over and removed: its mark is not needed any more. */
  forget(key: string): void;
  /** Runs with unacknowledged state facts, with the epoch of the last. */
  unreported(): { runId: string; epoch: number }[];
  size(): { facts: number; bytes: number; stateFacts: number };
  /** Called after facts can be taken. */
  onReady(listener: (kind: "state" | "log") => void): void;
  /** Why the disk takes nothing now; null while it does. */
  trouble(): string | null;
  /** Resolves when all is written, or the disk takes nothing. */
  flush(): Promise<void>;
  close(): Promise<void>;
};
