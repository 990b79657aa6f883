import type { ModelRun } from "./model-run.ts";
import { envMax, limitsAtFirst, queuesAtFirst } from "./places.ts";

/** Which counters a run takes a slot of, and what each holds at most: what pauses, overrides and limits come to. */
export class Room {
  readonly queues = queuesAtFirst();
  readonly limits = limitsAtFirst();
  /** Bounds of single keys, by `limit/key`, with their end. */
  readonly keyBounds = new Map<string, { max: number; untilMs: number }>();
  env = { limit: envMax, burst: 1, paused: false };

  private envMax(): number {
    return Math.floor(this.env.limit * this.env.burst);
  }

  /** What a counter is called: the environment, a lane, a limit in all, a limit for a key. */
  countersOf(run: ModelRun): string[] {
    const shared = [
      ...run.limits.map((limit) => `total:${limit}`),
      ...(run.lane === "" ? [] : run.limits.map((limit) => `key:${limit}/${run.lane}`)),
      ...run.gates.map((queue) => `lane:${queue}/${run.lane}/`),
    ];
    return ["env:", `lane:${laneOf(run)}`, ...new Set(shared)];
  }

  /** Null = no bound. */
  maxOf(counter: string): number | null {
    const [kind = "", name = ""] = counter.split(":");
    const [first = "", key = ""] = name.split("/");
    if (kind === "env") return this.envMax();
    if (kind === "lane") return this.laneMax(first);
    const limit = this.limits.get(first);
    if (limit === undefined) throw new Error(`no limit ${first}`);
    const keyBound = this.keyBounds.get(`${first}/${key}`)?.max;
    const bound =
      kind === "total" ? (limit.totalOverride ?? limit.total) : (limit.perKeyOverride ?? limit.perKey);
    // A key's own bound stands as it was given.
    if (kind === "key" && keyBound !== undefined) return keyBound;
    return bound === null ? null : Math.min(bound, this.env.limit);
  }

  private laneMax(queueName: string): number | null {
    const queue = this.queues.get(queueName);
    const declared = queue?.override ?? queue?.limit ?? null;
    if (declared === null && this.envMax() <= this.env.limit) return null;
    return Math.min(declared ?? Number.POSITIVE_INFINITY, this.env.limit);
  }

  isPaused(counter: string): boolean {
    const [kind = "", name = ""] = counter.split(":");
    const [first = ""] = name.split("/");
    if (kind === "env") return this.env.paused;
    return (kind === "lane" ? this.queues.get(first)?.paused : this.limits.get(first)?.paused) ?? false;
  }

  /** Whether a run may take a slot of a counter that is paused: what has begun goes on, unless its environment is paused. */
  mayPass(run: ModelRun, counter: string): boolean {
    return run.isParked && !counter.startsWith("env:");
  }

  /** Whether a run could be leased, given how many runs each counter holds. */
  isFree(run: ModelRun, held: ReadonlyMap<string, number>): boolean {
    return this.countersOf(run).every((counter) => {
      const max = this.maxOf(counter);
      if (this.isPaused(counter) && !this.mayPass(run, counter)) return false;
      return max === null || (held.get(counter) ?? 0) < max;
    });
  }
}

/** Queue, concurrency key and limits: runs of one lane stand in one row. */
export const laneOf = (run: Pick<ModelRun, "queue" | "lane" | "limits" | "gates">): string =>
  `${run.queue}/${run.lane}/${[...run.limits, ...run.gates.map((queue) => `|${queue}`)].join(",")}`;
