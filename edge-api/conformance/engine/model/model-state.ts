import { isFinal } from "@longshore/edge-api/domain/transitions";
import type { RunState } from "@longshore/shared/contract/run-status";
import { Room } from "./model-room.ts";
import type { ModelBatch, ModelRun, Wait } from "./model-run.ts";
import { agentLabels } from "./places.ts";

/** What would go on at an agent that was heard within this time keeps its slots free. Units: milliseconds. */
const keptForMs = 60_000;
const keyReleasers: readonly RunState[] = ["failed", "crashed", "system_failure", "timed_out", "expired"];

/** What there is in the reference, and what follows by itself from the end of a run, a token or a batch. */
export class ModelState {
  nowMs = 0;
  readonly room = new Room();
  readonly runs = new Map<string, ModelRun>();
  readonly batches = new Map<string, ModelBatch>();
  /** Wait tokens. */
  readonly tokens = new Map<string, { isDone: boolean; dueMs: number | null }>();
  readonly beatsMs = new Map<string, number>();
  /** What each agent has. */
  readonly labels = new Map<string, Readonly<Record<string, string>>>();
  readonly keys = new Map<string, { runId: string; untilMs: number }>();
  readonly requests = new Map<string, string>();
  /** Debounce keys and lanes under a policy, and the run that last took each. */
  readonly places = new Map<string, string>();
  readonly externals = new Set<string>();

  constructor(
    agents: readonly string[],
    /** Whether any deployment is current. */
    public isDeployed: boolean,
  ) {
    for (const [nth, agent] of agents.entries()) {
      this.beatsMs.set(agent, 0);
      this.labels.set(agent, agentLabels[nth] ?? {});
    }
  }

  get(id: string): ModelRun {
    const run = this.runs.get(id);
    if (run === undefined) throw new Error(`the model knows no ${id}`);
    return run;
  }

  all(isWanted: (run: ModelRun) => boolean): ModelRun[] {
    return [...this.runs.values()].filter(isWanted);
  }

  /** Whether an agent has all that a run asks for. */
  protected serves(agent: string, run: ModelRun): boolean {
    return Object.entries(run.labels).every(([name, value]) => this.labels.get(agent)?.[name] === value);
  }

  protected isOver(id: string): boolean {
    return isFinal(this.get(id).state);
  }

  protected queue(run: ModelRun): void {
    const isNew = run.epoch === 0 && run.ttlMs !== null;
    const expiresMs = isNew ? (run.dueMs ?? this.nowMs) + (run.ttlMs ?? 0) : null;
    Object.assign(run, { state: "queued", dueMs: null, expiresMs });
    run.positionMs = this.nowMs - run.priority * 1_000;
  }

  /** Ends runs together: none of them wakes another. */
  protected finish(ended: readonly ModelRun[], state: RunState): void {
    for (const run of ended) {
      Object.assign(run, { state, hasLease: false, dueMs: null, expiresMs: null, isParked: false });
      Object.assign(run, { open: [], children: [], batches: [] });
      if (run.key !== null && keyReleasers.includes(state) && this.keys.get(run.key)?.runId === run.id)
        this.keys.delete(run.key);
    }
    for (const batch of this.batches.values()) this.settle(batch);
    this.wake();
  }

  protected isDone(wait: Wait): boolean {
    if ("child" in wait) return this.isOver(wait.child);
    if ("batch" in wait) return isBatchOver(this.batch(wait.batch));
    if ("token" in wait) return this.tokens.get(wait.token)?.isDone === true;
    return false;
  }

  protected wake(isDone: (wait: Wait) => boolean = (wait) => this.isDone(wait)): void {
    for (const run of this.all(({ state }) => state === "waiting")) {
      run.open = run.open.filter((wait) => !isDone(wait));
      if (run.open.length === 0) Object.assign(run, { state: "queued", positionMs: this.nowMs });
    }
  }

  batch(id: string): ModelBatch {
    const batch = this.batches.get(id);
    if (batch === undefined) throw new Error(`the model knows no ${id}`);
    return batch;
  }

  openCount(batch: ModelBatch): number {
    return batch.runCount - [...batch.items.values()].filter((id) => this.isOver(id)).length;
  }

  protected settle(batch: ModelBatch): void {
    if (batch.status === "PROCESSING" && this.openCount(batch) === 0)
      batch.status = batch.hasFailed ? "PARTIAL_FAILED" : "COMPLETED";
  }

  private countersOf(runs: readonly ModelRun[]): Map<string, number> {
    const counts = new Map<string, number>();
    for (const run of runs)
      for (const counter of this.room.countersOf(run)) counts.set(counter, (counts.get(counter) ?? 0) + 1);
    return counts;
  }

  /** How many runs hold each counter. */
  held(): Map<string, number> {
    return this.countersOf(this.all(({ hasLease }) => hasLease));
  }

  /** The same with what new work of an agent must leave free: for runs that go on at others which are heard. */
  protected heldOrKept(agent: string): Map<string, number> {
    const isKept = (run: ModelRun) =>
      run.state === "queued" &&
      run.isParked &&
      run.agent !== agent &&
      (this.beatsMs.get(run.agent ?? "") ?? 0) > this.nowMs - keptForMs;
    return this.countersOf(this.all((run) => run.hasLease || isKept(run)));
  }
}

/** Whether nothing of a batch is awaited any more. */
export const isBatchOver = ({ status }: ModelBatch): boolean =>
  status !== "PENDING" && status !== "PROCESSING";
