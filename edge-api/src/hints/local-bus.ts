import type { Listener } from "./hints.ts";

/** `passes`: to how many others the wake that came last may be handed on. `topic`: of an unused wake that went to this one alone. */
type Waiter = {
  isWoken: boolean;
  resolve: ((woken: boolean) => void) | null;
  passes: number;
  topic: string | null;
};

/** A wake that nobody has use for ends here; what it was for is found by the sweep, or when a hold is over. */
const passesMax = 32;

/**
 * The listeners of one process. A topic's wake goes to one waiter or to all; to one that is parked where there is one, and
 * one that is not keeps the wake for its next `wait`. Who has no use for a wake that went to one hands it on, and whoever
 * leaves before it used one leaves it to another.
 */
export class LocalBus {
  private readonly topics = new Map<string, Set<Waiter>>();
  private readonly versions = new Map<string, number>();

  wakeOne(topic: string): void {
    this.bump(topic);
    const waiters = this.topics.get(topic);
    if (waiters) wakeNext(topic, waiters, Math.min(passesMax, waiters.size - 1));
  }

  wakeAll(topic: string): void {
    this.bump(topic);
    for (const waiter of this.topics.get(topic) ?? []) wake(waiter);
  }

  /** Wakes everyone, whatever they listen to: after a gap in which wakes may have been lost. */
  wakeEveryone(): void {
    for (const waiters of this.topics.values()) for (const waiter of waiters) wake(waiter);
  }

  version(topic: string): number {
    return this.versions.get(topic) ?? 0;
  }

  isListenedTo(topic: string): boolean {
    return this.topics.has(topic);
  }

  listen(topics: readonly string[], source: Pick<Listener, "cursor" | "isLive">): Listener {
    const waiter: Waiter = { isWoken: false, resolve: null, passes: 0, topic: null };
    for (const topic of topics) {
      const waiters = this.topics.get(topic) ?? new Set();
      waiters.add(waiter);
      this.topics.set(topic, waiters);
    }
    return {
      ...source,
      wait: (ms, signal) => park(waiter, ms, signal),
      passOn: () => {
        for (const topic of topics) this.passOn(topic, waiter);
      },
      close: () => {
        for (const topic of topics) {
          const waiters = this.topics.get(topic);
          waiters?.delete(waiter);
          if (waiters?.size === 0) this.topics.delete(topic);
        }
        const unused = waiter.isWoken ? waiter.topic : null;
        waiter.resolve?.(false);
        const others = unused === null ? undefined : this.topics.get(unused);
        if (unused !== null && others) wakeNext(unused, others, Math.min(passesMax, others.size - 1));
      },
    };
  }

  /** Who has looked goes to the end: the next wake, too, begins with another. */
  private passOn(topic: string, waiter: Waiter): void {
    const waiters = this.topics.get(topic);
    if (!waiters?.delete(waiter)) return;
    waiters.add(waiter);
    if (waiter.passes > 0) wakeNext(topic, waiters, waiter.passes - 1, waiter);
  }

  private bump(topic: string): void {
    this.versions.set(topic, this.version(topic) + 1);
  }
}

const wakeNext = (topic: string, waiters: Iterable<Waiter>, passes: number, not?: Waiter): void => {
  let next: Waiter | undefined;
  for (const waiter of waiters) {
    if (waiter.isWoken || waiter === not) continue;
    next ??= waiter;
    if (waiter.resolve === null) continue;
    next = waiter;
    break;
  }
  if (next === undefined) return;
  next.passes = passes;
  next.topic = topic;
  wake(next);
};

const wake = (waiter: Waiter): void => {
  waiter.isWoken = true;
  waiter.resolve?.(true);
};

const park = (waiter: Waiter, ms: number, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    const finish = (woken: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      waiter.resolve = null;
      if (woken) {
        waiter.isWoken = false;
        waiter.topic = null;
      }
      resolve(woken);
    };
    const onAbort = () => finish(false);
    const timer = setTimeout(() => finish(false), ms);
    if (signal.aborted) return finish(false);
    if (waiter.isWoken) return finish(true);
    signal.addEventListener("abort", onAbort, { once: true });
    waiter.resolve = finish;
  });
