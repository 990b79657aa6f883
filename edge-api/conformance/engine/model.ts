import { isFinal } from "@longshore/edge-api/domain/transitions";
import type { RunState } from "@longshore/shared/contract/run-status";

/** Units: milliseconds. */
export const silentMs = 35_000;
export const retryPauseMs = 1_000;
/** Of the tasks the histories use. */
export const maxAttempts = 2;
const releasesMax = 6;

type Wait = { child: string } | { dueMs: number };

/** A run as the reference sees it. */
export type ModelRun = {
  id: string;
  state: RunState;
  epoch: number;
  attempt: number;
  lane: string;
  /** The agent whose lease it is, or whose process waits. */
  agent: string | null;
  hasLease: boolean;
  isAcked: boolean;
  isParked: boolean;
  isCanceling: boolean;
  hasAttemptEnded: boolean;
  releases: number;
  dueMs: number | null;
  ttlMs: number | null;
  expiresMs: number | null;
  /** What it may wait for. */
  children: string[];
  parent: string | null;
  open: Wait[];
  key: string | null;
};

export type Answer = "moved" | "repeated" | "refused" | "ready" | "broken" | "requested";

/** What the engine should do, written as plainly as it can be: one map, no SQL, no concurrency. */
export class Model {
  nowMs = 0;
  readonly runs = new Map<string, ModelRun>();
  readonly beatsMs = new Map<string, number>();
  readonly keys = new Map<string, string>();

  constructor(
    agents: readonly string[],
    readonly envMax: number,
    readonly laneMax: number,
  ) {
    for (const agent of agents) this.beatsMs.set(agent, 0);
  }

  get(id: string): ModelRun {
    const run = this.runs.get(id);
    if (run === undefined) throw new Error(`the model knows no ${id}`);
    return run;
  }

  all(isWanted: (run: ModelRun) => boolean): ModelRun[] {
    return [...this.runs.values()].filter(isWanted);
  }

  trigger(
    id: string,
    over: Pick<ModelRun, "lane" | "ttlMs" | "key"> & { delayMs: number; parent: string | null },
  ): void {
    const known = over.key === null ? undefined : this.keys.get(over.key);
    if (over.parent !== null) this.get(over.parent).children.push(known ?? id);
    if (known !== undefined) return;
    if (over.key !== null) this.keys.set(over.key, id);
    this.runs.set(id, {
      ...{ id, lane: over.lane, key: over.key, ttlMs: over.ttlMs },
      ...{
        state: over.delayMs > 0 ? "delayed" : "queued",
        epoch: 0,
        attempt: 0,
        agent: null,
        hasLease: false,
      },
      ...{ isAcked: false, isParked: false, isCanceling: false, hasAttemptEnded: false, releases: 0 },
      dueMs: over.delayMs > 0 ? this.nowMs + over.delayMs : null,
      expiresMs: over.delayMs > 0 || over.ttlMs === null ? null : this.nowMs + over.ttlMs,
      ...{ children: [], open: [], parent: over.parent },
    });
  }

  /** Whether a run, itself or through others, waits for another. */
  waitsFor(id: string, other: string, seen: Set<string> = new Set()): boolean {
    if (id === other) return true;
    if (seen.has(id)) return false;
    seen.add(id);
    const open = this.get(id).children.filter((child) => !isFinal(this.get(child).state));
    return open.some((child) => this.waitsFor(child, other, seen));
  }

  /** How many runs a claim must take: it never leaves a slot empty that it could fill. */
  claimable(agent: string, free: number): number {
    const slots = (lane: string | null) =>
      this.all((run) => run.hasLease && (lane === null || run.lane === lane)).length;
    const queued = this.all((run) => run.state === "queued" && (!run.isParked || run.agent === agent));
    const lanes = [...new Set(queued.map(({ lane }) => lane))];
    const room = lanes.map((lane) =>
      Math.min(this.laneMax - slots(lane), queued.filter((run) => run.lane === lane).length),
    );
    return Math.min(
      free,
      this.envMax - slots(null),
      room.reduce((sum, count) => sum + count, 0),
    );
  }

  unacknowledged(agent: string): ModelRun[] {
    return this.all((run) => run.hasLease && run.agent === agent && !run.isAcked);
  }

  claim(agent: string, ids: readonly string[]): void {
    this.beatsMs.set(agent, this.nowMs);
    for (const id of ids) {
      const run = this.get(id);
      run.state = run.isParked ? "executing" : "leased";
      Object.assign(run, {
        epoch: run.epoch + 1,
        agent,
        hasLease: true,
        isAcked: false,
        isParked: false,
        expiresMs: null,
      });
    }
  }

  private holds(run: ModelRun, agent: string, epoch: number, state: RunState): boolean {
    return run.hasLease && run.agent === agent && run.epoch === epoch && run.state === state;
  }

  start(id: string, agent: string, epoch: number): Answer {
    const run = this.get(id);
    if (this.holds(run, agent, epoch, "executing")) return "repeated";
    if (!this.holds(run, agent, epoch, "leased")) return "refused";
    Object.assign(run, {
      state: "executing",
      attempt: run.attempt + 1,
      isAcked: true,
      hasAttemptEnded: false,
    });
    return "moved";
  }

  end(
    id: string,
    agent: string,
    epoch: number,
    outcome: "completed" | "failed" | "canceled",
    mayRetry: boolean,
  ): Answer {
    const run = this.get(id);
    if (!this.holds(run, agent, epoch, "executing"))
      return run.epoch === epoch && run.hasAttemptEnded ? "repeated" : "refused";
    this.endAttempt(run, outcome, mayRetry, retryPauseMs, "failed");
    return "moved";
  }

  private endAttempt(
    run: ModelRun,
    outcome: string,
    mayRetry: boolean,
    pauseMs: number,
    failed: RunState,
  ): void {
    Object.assign(run, { hasLease: false, hasAttemptEnded: true, children: [], open: [], isParked: false });
    if (outcome === "completed") this.finish(run, "completed");
    else if (outcome === "canceled" || run.isCanceling) this.finish(run, "canceled");
    else if (!mayRetry || run.attempt >= maxAttempts) this.finish(run, failed);
    else Object.assign(run, { state: "delayed", dueMs: this.nowMs + pauseMs });
  }

  private finish(run: ModelRun, state: RunState): void {
    Object.assign(run, { state, hasLease: false, dueMs: null, expiresMs: null, isParked: false, open: [] });
    if (
      run.key !== null &&
      state !== "completed" &&
      state !== "canceled" &&
      this.keys.get(run.key) === run.id
    )
      this.keys.delete(run.key);
    this.wake((wait) => "child" in wait && wait.child === run.id);
  }

  private wake(isDone: (wait: Wait) => boolean): void {
    for (const run of this.all(({ state }) => state === "waiting")) {
      run.open = run.open.filter((wait) => !isDone(wait));
      if (run.open.length === 0) run.state = "queued";
    }
  }

  wait(id: string, agent: string, epoch: number, waits: Wait[]): Answer {
    const run = this.get(id);
    if (!this.holds(run, agent, epoch, "executing"))
      return run.epoch === epoch && (run.state === "waiting" || run.state === "queued")
        ? "repeated"
        : "refused";
    if (waits.some((wait) => "child" in wait && !run.children.includes(wait.child))) return "broken";
    const open = waits.filter((wait) =>
      "child" in wait ? !isFinal(this.get(wait.child).state) : wait.dueMs > this.nowMs,
    );
    if (open.length === 0) return "ready";
    if (run.isCanceling) return "refused";
    Object.assign(run, { state: "waiting", hasLease: false, isParked: true, open });
    return "moved";
  }

  /** A run and what it triggered, as far as it is not over. */
  private tree(run: ModelRun): ModelRun[] {
    if (isFinal(run.state)) return [];
    return [run, ...this.all(({ parent }) => parent === run.id).flatMap((child) => this.tree(child))];
  }

  cancel(id: string): Answer {
    const run = this.get(id);
    if (isFinal(run.state)) return "repeated";
    const tree = this.tree(run);
    for (const one of tree) one.isCanceling ||= one.hasLease;
    const ended = tree.filter(({ hasLease }) => !hasLease);
    // Together: none of them wakes another.
    for (const one of ended) {
      if (one.isParked) one.hasAttemptEnded = true;
      Object.assign(one, { state: "canceled", children: [] });
    }
    for (const one of ended) this.finish(one, "canceled");
    return run.hasLease ? "requested" : "moved";
  }

  release(id: string, agent: string | null, epoch: number, isRetryable: boolean): Answer {
    const run = this.get(id);
    if (!this.holds(run, agent ?? run.agent ?? "", epoch, "leased")) {
      const isAfter = ["delayed", "system_failure", "queued", "canceled"].includes(run.state);
      return run.epoch === epoch && !run.hasLease && isAfter ? "repeated" : "refused";
    }
    run.hasLease = false;
    run.releases++;
    if (run.isCanceling) this.finish(run, "canceled");
    else if (!isRetryable || run.releases >= releasesMax) this.finish(run, "system_failure");
    else Object.assign(run, { state: "delayed", dueMs: this.nowMs + 1_000 * 2 ** (run.releases - 1) });
    return "moved";
  }

  promote(): void {
    for (const run of this.all(({ dueMs }) => dueMs !== null && dueMs <= this.nowMs)) {
      const expiresMs = run.attempt === 0 && run.ttlMs !== null ? this.nowMs + run.ttlMs : null;
      Object.assign(run, { state: "queued", dueMs: null, expiresMs });
    }
  }

  completeDueWaits(): void {
    this.wake((wait) => "dueMs" in wait && wait.dueMs <= this.nowMs);
  }

  expire(): void {
    for (const run of this.all(({ expiresMs }) => expiresMs !== null && expiresMs <= this.nowMs))
      if (run.attempt === 0) this.finish(run, "expired");
  }

  /** What the sweep takes back from agents that were not heard. */
  loseSilent(): void {
    const isSilent = (run: ModelRun) =>
      (this.beatsMs.get(run.agent ?? "") ?? this.nowMs) < this.nowMs - silentMs;
    const lost = this.all((run) => isSilent(run) && (run.hasLease || run.isParked));
    for (const run of lost.filter(({ state }) => state === "executing"))
      this.endAttempt(run, "lost", true, 0, "system_failure");
    for (const run of lost.filter(({ state }) => state === "leased"))
      this.release(run.id, null, run.epoch, true);
    const parked = this.all((run) => isSilent(run) && run.isParked);
    for (const run of parked) {
      run.epoch++;
      this.endAttempt(run, "lost", true, 0, "system_failure");
    }
  }
}
