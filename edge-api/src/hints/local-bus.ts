import type { Listener } from "./hints.ts";

type Waiter = { isWoken: boolean; resolve: ((woken: boolean) => void) | null };

/**
 * The listeners of one process. A topic's wake goes to one waiter or to all; one that is not parked at that moment keeps
 * the wake for its next `wait`.
 */
export class LocalBus {
  private readonly topics = new Map<string, Set<Waiter>>();
  private readonly versions = new Map<string, number>();

  wakeOne(topic: string): void {
    this.bump(topic);
    for (const waiter of this.topics.get(topic) ?? []) {
      if (waiter.isWoken) continue;
      wake(waiter);
      return;
    }
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
    const waiter: Waiter = { isWoken: false, resolve: null };
    for (const topic of topics) {
      const waiters = this.topics.get(topic) ?? new Set();
      waiters.add(waiter);
      this.topics.set(topic, waiters);
    }
    return {
      ...source,
      wait: (ms, signal) => park(waiter, ms, signal),
      close: () => {
        for (const topic of topics) {
          const waiters = this.topics.get(topic);
          waiters?.delete(waiter);
          if (waiters?.size === 0) this.topics.delete(topic);
        }
        waiter.resolve?.(false);
      },
    };
  }

  private bump(topic: string): void {
    this.versions.set(topic, this.version(topic) + 1);
  }
}

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
      waiter.isWoken = false;
      resolve(woken);
    };
    const onAbort = () => finish(false);
    const timer = setTimeout(() => finish(false), ms);
    if (signal.aborted) return finish(false);
    if (waiter.isWoken) return finish(true);
    signal.addEventListener("abort", onAbort, { once: true });
    waiter.resolve = finish;
  });
