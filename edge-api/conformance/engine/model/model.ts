import { isFinal } from "@longshore/edge-api/domain/transitions";
import type { RunState } from "@longshore/shared/contract/run-status";
import { laneOf } from "./model-room.ts";
import {
  type Answer,
  failedItem,
  type ModelBatch,
  type ModelRun,
  newRun,
  type TriggerSpec,
  type Wait,
} from "./model-run.ts";
import { isBatchOver, ModelState } from "./model-state.ts";
import {
  largeMachine,
  maxAttempts,
  releasesMax,
  retryPauseMs,
  silentMs,
  smallMachine,
  startMs,
  worldTasks,
} from "./places.ts";

export type TriggerAnswer = { kind: string; runId?: string; replaced?: string | null };
export type AttemptOutcome = {
  outcome: "completed" | "failed" | "canceled" | "lost";
  finalState: RunState;
  mayRetry: boolean;
  isOutOfMemory?: boolean;
  pauseMs?: number;
};

/** What the engine should do, written as plainly as it can be: maps, no SQL, no concurrency. */
export class Model extends ModelState {
  /* Triggers */

  private hasVersion(external: string | null): boolean {
    return external === null ? this.isDeployed : this.externals.has(external);
  }

  knownByKey(key: string | null): string | null {
    const known = key === null ? undefined : this.keys.get(key);
    return known !== undefined && known.untilMs > this.nowMs ? known.runId : null;
  }

  private placeOf(spec: TriggerSpec): { name: string; policy: string } | null {
    if (spec.debounce !== null)
      return { name: `debounce/${spec.task}/${spec.debounce.key}`, policy: "debounce" };
    const queue = worldTasks.find(({ id }) => id === spec.task)?.queue;
    // Before its version is there, no one knows the queue of a run.
    if (queue === undefined || queue.policy === "queue" || !this.hasVersion(spec.external)) return null;
    return { name: `active/${queue.name}/${spec.lane}`, policy: queue.policy };
  }

  private liveIn(place: { name: string; policy: string }): ModelRun | null {
    const run = this.runs.get(this.places.get(place.name) ?? "");
    if (run === undefined) return null;
    const isLive =
      place.policy === "debounce" ? run.state === "delayed" && run.attempt === 0 : !isFinal(run.state);
    return isLive ? run : null;
  }

  /** The run that a debounced trigger puts off; null when it makes one, or a key decides. */
  pushBack(spec: TriggerSpec): string | null {
    const place = this.placeOf(spec);
    const isKeyed =
      this.knownByKey(spec.key) !== null || (spec.request !== null && this.requests.has(spec.request));
    const run = place === null || spec.debounce === null || isKeyed ? null : this.liveIn(place);
    if (run === null || spec.debounce === null) return null;
    const { delayMs, maxDelayMs } = spec.debounce;
    run.dueMs = Math.min(this.nowMs + delayMs, run.createdMs + (maxDelayMs ?? Number.POSITIVE_INFINITY));
    run.delayMs = run.dueMs;
    if (spec.request !== null) this.requests.set(spec.request, run.id);
    if (spec.parent !== null && spec.resumes && !this.isOver(spec.parent))
      this.get(spec.parent).children.push(run.id);
    return run.id;
  }

  trigger(spec: TriggerSpec): TriggerAnswer {
    const parent = spec.parent === null ? null : this.get(spec.parent);
    if (parent !== null && (isFinal(parent.state) || parent.isCanceling)) return { kind: "parent_missing" };
    const replayed = spec.request === null ? undefined : this.requests.get(spec.request);
    if (replayed !== undefined) return { kind: "replayed", runId: replayed };
    const place = this.placeOf(spec);
    const live = place === null ? null : this.liveIn(place);
    const keyed = this.knownByKey(spec.key);
    const met = keyed ?? live?.id ?? null;
    if (met !== null && this.isExpired(this.get(met))) return { kind: "expired", runId: met };
    const known = keyed ?? (place?.policy === "skip" ? (live?.id ?? null) : null);
    if (known !== null) {
      if (parent !== null && spec.resumes) {
        if (this.waitsFor(known, parent.id)) return { kind: "deadlock" };
        parent.children.push(known);
      }
      return { kind: "cached", runId: known };
    }
    if (place !== null) this.places.set(place.name, spec.id);
    if (spec.key !== null) this.keys.set(spec.key, { runId: spec.id, untilMs: this.nowMs + spec.keyLifeMs });
    if (spec.request !== null) this.requests.set(spec.request, spec.id);
    const queue = worldTasks.find(({ id }) => id === spec.task)?.queue.name ?? "";
    const run = newRun(spec, queue, "", this.nowMs);
    this.runs.set(run.id, run);
    if (this.hasVersion(spec.external)) this.begin(run);
    if (parent !== null && spec.resumes) parent.children.push(run.id);
    return { kind: "created", runId: run.id, replaced: live?.id ?? null };
  }

  private begin(run: ModelRun): void {
    run.machine = smallMachine;
    if (run.delayMs !== null && run.delayMs > this.nowMs)
      Object.assign(run, { state: "delayed", dueMs: run.delayMs });
    else this.queue(run);
  }

  /** A deployment has come: whoever waited for it goes on. */
  releasePending(): void {
    for (const run of this.all(({ state }) => state === "pending_version"))
      if (this.hasVersion(run.external)) this.begin(run);
  }

  reschedule(id: string, dueMs: number): Answer {
    const run = this.get(id);
    if (run.state !== "delayed" || run.attempt > 0 || run.releases > 0) return "refused";
    run.dueMs = Math.max(this.nowMs, dueMs);
    return "moved";
  }

  /** Whether a run, itself or through others, waits for another. */
  waitsFor(id: string, other: string, seen: Set<string> = new Set()): boolean {
    if (id === other) return true;
    if (seen.has(id)) return false;
    seen.add(id);
    const run = this.get(id);
    const open = run.children.filter((child) => !this.isOver(child));
    const items = run.batches
      .map((batch) => this.batch(batch))
      .filter((batch) => !isBatchOver(batch))
      .flatMap((batch) => [...batch.items.values()]);
    return [...open, ...items].some((next) => this.waitsFor(next, other, seen));
  }

  /* Claims and leases */

  /** What an agent could take now: after its claims there must be nothing, unless its own slots are full. */
  claimable(agent: string): ModelRun[] {
    const [held, heldOrKept] = [this.held(), this.heldOrKept(agent)];
    return this.all(
      (run) =>
        run.state === "queued" &&
        !this.isExpired(run) &&
        (run.isParked ? run.agent === agent : this.serves(agent, run)),
    ).filter((run) => this.room.isFree(run, run.isParked ? held : heldOrKept));
  }

  /** It only waits for the move that says so. */
  private isExpired({ expiresMs }: ModelRun): boolean {
    return expiresMs !== null && expiresMs <= this.nowMs;
  }

  unacknowledged(agent: string): ModelRun[] {
    return this.all((run) => run.hasLease && run.agent === agent && !run.isAcked);
  }

  /** Answers what is wrong with taking these runs: states, homes, bounds, or whoever was there first. */
  claim(agent: string, ids: readonly string[]): string[] {
    this.beatsMs.set(agent, this.nowMs);
    const taken = ids.map((id) => this.get(id));
    const faults = taken.flatMap((run) => {
      if (run.state !== "queued") return [`${run.id} was ${run.state}`];
      if (this.isExpired(run)) return [`${run.id} had outlived its time`];
      if (!this.serves(agent, run)) return [`${run.id} asks for what ${agent} does not have`];
      return run.isParked && run.agent !== agent ? [`${run.id} belongs to ${run.agent}`] : [];
    });
    for (const run of taken.filter(({ isParked }) => !isParked)) {
      const first = this.all(
        (other) => isAhead(other, run) && !this.isExpired(other) && !ids.includes(other.id),
      );
      faults.push(...first.map(({ id }) => `${id} was before ${run.id}`));
    }
    for (const run of taken) {
      const state = run.isParked ? "executing" : "leased";
      Object.assign(run, { state, epoch: run.epoch + 1, agent, hasLease: true, isAcked: false });
      Object.assign(run, { expiresMs: null, leasedMs: this.nowMs, isContinuation: run.isParked });
    }
    const held = this.held();
    for (const counter of new Set(taken.flatMap((run) => this.room.countersOf(run)))) {
      const max = this.room.maxOf(counter);
      if (max !== null && (held.get(counter) ?? 0) > max)
        faults.push(`${counter} holds ${held.get(counter)} of ${max}`);
    }
    const heldOrKept = this.heldOrKept(agent);
    const isNew = (run: ModelRun) => !run.isContinuation;
    for (const counter of new Set(taken.filter(isNew).flatMap((run) => this.room.countersOf(run)))) {
      const max = this.room.maxOf(counter);
      if (max !== null && (heldOrKept.get(counter) ?? 0) > max)
        faults.push(`new work took what ${counter} keeps for what goes on elsewhere`);
    }
    for (const run of taken) {
      const closed = this.room.countersOf(run).filter((counter) => this.room.isPaused(counter));
      if (closed.some((counter) => !this.room.mayPass(run, counter)))
        faults.push(`${run.id} was taken although ${closed} is paused`);
      run.isParked = false;
    }
    return faults;
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

  release(id: string, agent: string | null, epoch: number, isRetryable: boolean): Answer {
    const run = this.get(id);
    if (!this.holds(run, agent ?? run.agent ?? "", epoch, "leased")) {
      const isAfter = ["delayed", "system_failure", "queued", "canceled"].includes(run.state);
      return run.epoch === epoch && !run.hasLease && isAfter ? "repeated" : "refused";
    }
    run.hasLease = false;
    run.releases++;
    if (run.isCanceling) this.finish([run], "canceled");
    else if (!isRetryable || run.releases >= releasesMax) this.finish([run], "system_failure");
    else Object.assign(run, { state: "delayed", dueMs: this.nowMs + 1_000 * 2 ** (run.releases - 1) });
    return "moved";
  }

  end(id: string, agent: string, epoch: number, how: AttemptOutcome): Answer {
    const run = this.get(id);
    const isParked = run.isParked && run.agent === agent && run.epoch === epoch;
    const isUnderWay = run.isContinuation && this.holds(run, agent, epoch + 1, "executing");
    if (!isParked && !isUnderWay && !this.holds(run, agent, epoch, "executing"))
      return run.epoch === epoch && run.hasAttemptEnded ? "repeated" : "refused";
    this.endAttempt(run, how);
    return "moved";
  }

  private endAttempt(run: ModelRun, how: AttemptOutcome): void {
    Object.assign(run, { hasLease: false, hasAttemptEnded: true, isParked: false });
    Object.assign(run, { children: [], batches: [], open: [] });
    const isLarger = how.isOutOfMemory === true && run.machine !== largeMachine;
    const mayRetry = how.isOutOfMemory === true ? isLarger : how.mayRetry && run.attempt < maxAttempts;
    if (how.outcome === "completed") this.finish([run], "completed");
    else if (how.outcome === "canceled" || run.isCanceling) this.finish([run], "canceled");
    else if (!mayRetry) this.finish([run], how.finalState);
    else {
      if (isLarger) run.machine = largeMachine;
      Object.assign(run, {
        state: "delayed",
        dueMs: this.nowMs + (isLarger ? 0 : (how.pauseMs ?? retryPauseMs)),
      });
    }
  }

  private isLinked(run: ModelRun, wait: Wait): boolean {
    if ("child" in wait) return run.children.includes(wait.child);
    if ("batch" in wait) return run.batches.includes(wait.batch);
    return "token" in wait ? this.tokens.has(wait.token) : true;
  }

  wait(id: string, agent: string, epoch: number, waits: readonly Wait[]): Answer {
    const run = this.get(id);
    if (!this.holds(run, agent, epoch, "executing"))
      return run.epoch === epoch && (run.state === "waiting" || run.state === "queued")
        ? "repeated"
        : "refused";
    if (waits.some((wait) => !this.isLinked(run, wait))) return "broken";
    const open = waits.filter((wait) => ("dueMs" in wait ? wait.dueMs > this.nowMs : !this.isDone(wait)));
    if (open.length === 0) return "ready";
    if (run.isCanceling) return "refused";
    Object.assign(run, { state: "waiting", hasLease: false, isParked: true, open });
    return "moved";
  }

  completeToken(id: string): Answer {
    const token = this.tokens.get(id);
    if (token === undefined) return "missing";
    if (token.isDone) return "repeated";
    token.isDone = true;
    this.wake();
    return "moved";
  }

  createBatch(batch: ModelBatch): { kind: string; id?: string } {
    const parent = batch.parent === null ? null : this.get(batch.parent);
    if (parent !== null && isFinal(parent.state)) return { kind: "parent_missing" };
    const known = [...this.batches.values()].find(
      ({ key, status }) => key !== null && key === batch.key && status !== "ABORTED",
    );
    if (known !== undefined && known.runCount !== batch.runCount)
      return { kind: "other_count", id: known.id };
    if (known === undefined) this.batches.set(batch.id, batch);
    parent?.batches.push(known?.id ?? batch.id);
    return { kind: known === undefined ? "created" : "cached", id: known?.id ?? batch.id };
  }

  /** Items by index; one with a fault is a run that failed before it began. */
  link(id: string, items: readonly { index: number; runId: string; task: string; isFault: boolean }[]): void {
    const batch = this.batch(id);
    if (batch.status !== "PENDING") return;
    for (const { index, runId, task, isFault } of items) {
      if (batch.items.has(index)) continue;
      batch.items.set(index, runId);
      if (!isFault) continue;
      batch.hasFailed = true;
      this.runs.set(runId, failedItem(runId, task, batch.parent, smallMachine, this.nowMs));
    }
    if (batch.items.size === batch.runCount) batch.status = "PROCESSING";
    this.settle(batch);
    this.wake();
  }

  abortBatches(): void {
    for (const batch of this.batches.values())
      if (batch.status === "PENDING" && batch.sealByMs <= this.nowMs) batch.status = "ABORTED";
    this.wake();
  }

  /* Cancels, and what time brings */

  /** A run and all that it triggered. */
  private tree(run: ModelRun): ModelRun[] {
    return [run, ...this.all(({ parent }) => parent === run.id).flatMap((child) => this.tree(child))];
  }

  cancel(ids: readonly string[]): Answer[] {
    const kinds = ids.map((id): Answer => {
      const run = this.runs.get(id);
      if (run === undefined) return "missing";
      return isFinal(run.state) ? "repeated" : run.hasLease ? "requested" : "moved";
    });
    const roots = ids.flatMap((id) => this.runs.get(id) ?? []).filter(({ state }) => !isFinal(state));
    const tree = new Set(roots.flatMap((run) => this.tree(run)).filter(({ state }) => !isFinal(state)));
    for (const run of tree) run.isCanceling ||= run.hasLease;
    const ended = [...tree].filter(({ hasLease }) => !hasLease);
    for (const run of ended) if (run.isParked) run.hasAttemptEnded = true;
    this.finish(ended, "canceled");
    return kinds;
  }

  promote(): void {
    for (const run of this.all(({ dueMs }) => dueMs !== null && dueMs <= this.nowMs)) this.queue(run);
  }

  completeDueWaits(): void {
    for (const token of this.tokens.values())
      if (token.dueMs !== null && token.dueMs <= this.nowMs) token.isDone = true;
    this.wake((wait) => ("dueMs" in wait ? wait.dueMs <= this.nowMs : this.isDone(wait)));
  }

  /** All that have outlived their time, or those of them that are named. */
  expire(ids?: readonly string[]): void {
    const over = this.all((run) => this.isExpired(run) && (ids?.includes(run.id) ?? true));
    this.finish(over, "expired");
  }

  /** What the sweep takes back from agents that were not heard, or that did not begin. */
  loseLeases(): void {
    const isSilent = (run: ModelRun) =>
      (this.beatsMs.get(run.agent ?? "") ?? this.nowMs) < this.nowMs - silentMs;
    const lost = { outcome: "lost", finalState: "system_failure", mayRetry: true, pauseMs: 0 } as const;
    const isLate = (run: ModelRun) => run.leasedMs < (this.beatsMs.get(run.agent ?? "") ?? 0) - startMs;
    const executing = this.all((run) => run.hasLease && run.state === "executing" && isSilent(run));
    const leased = this.all((run) => run.state === "leased" && (isSilent(run) || isLate(run)));
    for (const run of executing) this.endAttempt(run, lost);
    for (const run of leased) this.release(run.id, null, run.epoch, true);
    for (const run of this.all((one) => one.isParked && isSilent(one))) {
      run.epoch++;
      this.endAttempt(run, lost);
    }
  }
}

const isAhead = (other: ModelRun, run: ModelRun): boolean =>
  other.state === "queued" &&
  !other.isParked &&
  laneOf(other) === laneOf(run) &&
  JSON.stringify(other.labels) === JSON.stringify(run.labels) &&
  other.positionMs < run.positionMs;
