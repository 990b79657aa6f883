import type { Fact, FactResult, HeldRun, Lease, Order } from "@longshore/shared/contract/agent-protocol";
import type { Ledger } from "../core/ledger.ts";
import type { Desired, Step } from "../core/reconcile.ts";
import type { Room } from "../core/room.ts";
import type { RuntimeEvent } from "./container-runtime.ts";

/** All runs of this agent, as the loops see them. */
export type Executions = {
  /** Leases and orders of an answer. Known ones are ignored. */
  acceptWork(work: { leases: Lease[]; orders: Order[] }): void;
  /** What became of a fact; called before the fact leaves the outbox. */
  applyResult(fact: Fact, result: FactResult): void;
  /** Runs with a process, and runs whose end the API has not heard yet. */
  held(): HeldRun[];
  /** How many more runs could be executed now. */
  capacity(): number;
  /** What the host can still give to runs; null where only their number counts. */
  room(): Room | null;
  ledger: Ledger;
  desired(): Promise<Desired[]>;
  apply(step: Step): Promise<void>;
  onRuntimeEvent(event: RuntimeEvent): void;
  /** Freezes every process (L4); nothing new starts until `resumeAll`. */
  pauseAll(): Promise<void>;
  resumeAll(): Promise<void>;
  arePaused(): boolean;
  setRuntimeAlive(alive: boolean): void;
  /** The admission may have changed. */
  noteAdmission(): void;
  setDraining(draining: boolean): void;
  isDraining(): boolean;
  /** Called when capacity, the held runs or draining may have changed. */
  onChange(listener: () => void): () => void;
};
