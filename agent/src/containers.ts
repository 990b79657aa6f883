import type { Lease } from "@longshore/shared/contract/agent-protocol";
import { defaultMachine, type MachinePreset } from "@longshore/shared/contract/machines";
import { newId, randomText } from "@longshore/shared/core/ids";
import { bindingOf, isSameBinding } from "./core/binding.ts";
import { countToFork, genericMb, type PoolSettings, planPool } from "./core/pool-plan.ts";
import { roomLeft } from "./core/room.ts";
import type { ContainerRecord } from "./ports/container-records.ts";
import { type ContainerDeps, createRunnerContainer, type RunnerContainer } from "./runner-container.ts";

/** New containers are made this long after the pool was found short, when what made it short is under way. Units: milliseconds. */
const refillAfterMs = 500;
/** Node is started ahead once no run has come for this long. Units: milliseconds. */
const forkAfterMs = 1_000;
/** After a container could not be started. Units: milliseconds. */
const backOffMs = 30_000;
/** A container with code and one idle executor, before its runner has said what it takes. Units: MiB. */
const boundMb = 64;
const machinesMax = 3;
/** How long a stopping agent waits for ended runs to let go of their containers. Units: milliseconds. */
const leavingMsMax = 2_000;
/** How long a run waits for one before another container is started for it. Units: milliseconds. */
const leavingWaitMs = 1_000;

const imageOf = ({ deployment }: Lease): string | null => deployment.image ?? null;

export type Containers = ReturnType<typeof createContainers>;

/**
 * The runner containers of this agent: the pool of those without a run, and who gets one.
 *
 * I1  A run gets a container of its own deployment, else a generic one, else a fresh one; never another's.
 * I2  What the pool does for later (filling, removing) is never waited for by a run.
 */
export const createContainers = (
  deps: ContainerDeps & {
    slots: number;
    pool: PoolSettings;
    /** What all runs may take of the host's memory; null where that is not counted. Units: MiB. */
    memoryMb: number | null;
    generation: string;
    /** Whether the host runs short of memory: nothing is made ready then. */
    isShort(): boolean;
  },
) => {
  const { clock, logger } = deps;
  const byKey = new Map<string, RunnerContainer>();
  /** Keys of containers that are to go, with the removal that is under way; null when it failed. */
  const doomed = new Map<string, Promise<void> | null>();
  const dormant = new Map<string, ContainerRecord>();
  const machines = new Map<MachinePreset, number>();
  let isOpen = true;
  let isAlive = true;
  let isClosed = false;
  let lastWorkMs: number | null = null;
  let failedMs: number | null = null;
  let planTimer: NodeJS.Timeout | null = null;
  let refillTimer: NodeJS.Timeout | null = null;
  let forkTimer: NodeJS.Timeout | null = null;
  let filling = false;
  let changed = (): void => {};

  const make = (record: ContainerRecord): RunnerContainer => {
    const container = createRunnerContainer(record, deps, {
      changed: () => changed(),
      died: () => void discard(container),
    });
    byKey.set(record.key, container);
    return container;
  };
  const fresh = (machine: MachinePreset, image: string | null, isWanted: boolean): RunnerContainer => {
    const key = newId("container", clock.now());
    const container = make({
      key,
      token: randomText(40),
      generation: deps.generation,
      machine,
      image,
      binding: null,
      framesHeard: 0,
      run: null,
    });
    container.start(isWanted);
    return container;
  };
  const discard = (container: RunnerContainer): Promise<void> => {
    const { key } = container;
    byKey.delete(key);
    const work = container.remove().then(
      () => void doomed.delete(key),
      (error) => {
        doomed.set(key, null);
        logger.warn("a container was not cleaned up; the sweep will", { key, why: String(error) });
      },
    );
    if (!doomed.has(key)) doomed.set(key, work);
    return work;
  };

  const mayServeAgain = ({ generation }: ContainerRecord): boolean =>
    generation === deps.generation && isOpen && deps.pool.idleMs > 0;
  const idle = (): RunnerContainer[] =>
    [...byKey.values()].filter((one) => one.tenant() === null && !one.isReserved() && one.isUsable());
  const memoryMbOf = (one: RunnerContainer): number =>
    one.memoryMb() ?? (one.record.binding ? boundMb : genericMb);
  const plan = () => {
    const busy = [...byKey.values()].filter((one) => one.isReserved() || one.tenant()?.holdsSlot());
    const capacity = { cpu: 0, memoryMb: deps.memoryMb ?? Number.POSITIVE_INFINITY };
    const left = roomLeft(
      capacity,
      busy.map(({ record }) => record.machine),
    );
    return planPool({
      // What waits for work yields to what was promised to it.
      settings: { ...deps.pool, memoryMbMax: Math.min(deps.pool.memoryMbMax, left.memoryMb) },
      slots: deps.slots,
      busy: busy.length,
      idle: idle().map((one) => ({
        key: one.key,
        machine: one.record.machine,
        isBound: one.record.binding !== null,
        idleSinceMs: one.idleSinceMs(),
        memoryMb: memoryMbOf(one),
      })),
      machines: lately(),
      lastWorkMs,
      nowMs: clock.monotonic(),
    });
  };
  /** Machines that runs came for while containers are kept, the latest first. */
  const lately = (): MachinePreset[] => {
    const since = clock.monotonic() - deps.pool.idleMs;
    const seen = [...machines].filter(([, at]) => at >= since).sort(([, a], [, b]) => b - a);
    const names = seen.map(([machine]) => machine).slice(0, machinesMax);
    return names.length > 0 ? names : [defaultMachine];
  };
  /** Removes what is too much now, and sees to it that what is missing is made later. */
  const settle = (): void => {
    if (planTimer) clearTimeout(planTimer);
    planTimer = null;
    if (!isOpen || !isAlive) return;
    const { remove, create, againInMs } = plan();
    for (const key of remove) {
      const container = byKey.get(key);
      if (container) void discard(container);
    }
    if (create.length > 0 && !deps.isShort()) refillLater(failedMs === null ? refillAfterMs : backOffMs);
    if (againInMs !== null) planTimer = setTimeout(settle, againInMs).unref();
    forkTimer ??= setTimeout(forkAhead, forkAfterMs).unref();
  };
  /** Has Node started in the generic containers that are taken first, when nothing else is going on (I2). */
  const forkAhead = (): void => {
    forkTimer = null;
    if (!isOpen || !isAlive || deps.inspect !== null || deps.isShort()) return;
    const restedMs = lastWorkMs === null ? forkAfterMs : clock.monotonic() - lastWorkMs;
    if (restedMs < forkAfterMs) {
      forkTimer = setTimeout(forkAhead, forkAfterMs - restedMs).unref();
      return;
    }
    const waiting = idle();
    const [machine] = lately();
    const generic = waiting.filter(({ record }) => record.binding === null && record.machine === machine);
    const usedMb = waiting.reduce((sum, one) => sum + memoryMbOf(one), 0);
    const left = countToFork(deps.pool, generic.filter((one) => one.isForked()).length, usedMb);
    const next = generic.filter((one) => !one.isForked()).slice(0, left);
    for (const one of next) if (one.isConnected()) one.forkAhead();
    // Its runner is not up yet.
    if (next.some((one) => !one.isConnected())) forkTimer = setTimeout(forkAhead, forkAfterMs).unref();
  };
  const refillLater = (ms: number): void => {
    refillTimer ??= setTimeout(() => {
      refillTimer = null;
      void refill();
    }, ms).unref();
  };
  /** One after the other, looking anew each time: work that came meanwhile goes first. */
  const refill = async (): Promise<void> => {
    if (filling) return;
    filling = true;
    try {
      for (
        let next = plan().create[0];
        next && isOpen && isAlive && !deps.isShort();
        next = plan().create[0]
      ) {
        const container = fresh(next, null, false);
        await container.started().catch((error: unknown) => {
          logger.warn("a container could not be kept ready", { why: String(error) });
          void discard(container);
          throw error;
        });
        failedMs = null;
      }
    } catch {
      failedMs = clock.monotonic();
    } finally {
      filling = false;
    }
    settle();
  };

  const pick = (lease: Lease): RunnerContainer | null => {
    const binding = bindingOf(lease);
    const fits = idle().filter((one) => one.record.machine === lease.machine);
    const bound = fits.filter((one) => one.record.binding && isSameBinding(one.record.binding, binding));
    const generic = fits.filter((one) => one.record.binding === null && one.record.image === imageOf(lease));
    const rank = (one: RunnerContainer) =>
      (one.isConnected() ? 2 : 0) + (one.isPrepared() || one.isForked() ? 1 : 0);
    // The one used last first: the others may grow old enough to go.
    const best = (some: RunnerContainer[]) =>
      some.sort((a, b) => rank(b) - rank(a) || b.idleSinceMs() - a.idleSinceMs())[0] ?? null;
    return best(bound.filter((one) => one.isConnected())) ?? best(generic);
  };

  /** One whose run has just ended: it is free in a moment, sooner than another could be started. */
  const pickLeaving = (lease: Lease): RunnerContainer | null =>
    [...byKey.values()].find(
      ({ record, tenant, isReserved, isUsable }) =>
        tenant()?.isLeaving() &&
        !isReserved() &&
        isUsable() &&
        mayServeAgain(record) &&
        record.machine === lease.machine &&
        record.binding !== null &&
        isSameBinding(record.binding, bindingOf(lease)),
    ) ?? null;

  return {
    /** A container for this run (I1), reserved for it; it may still be starting. */
    async acquire(lease: Lease): Promise<RunnerContainer> {
      lastWorkMs = clock.monotonic();
      machines.set(lease.machine, lastWorkMs);
      const ready = pick(lease);
      if (ready) ready.reserve();
      const leaving = ready ? null : pickLeaving(lease);
      leaving?.reserve();
      const isLeft = (await leaving?.left(leavingWaitMs)) ?? false;
      if (!isLeft) leaving?.unreserve();
      const usable = ready ?? (isLeft && leaving?.isUsable() ? leaving : null);
      const container = usable ?? fresh(lease.machine, imageOf(lease), true);
      container.reserve();
      queueMicrotask(settle); // I2
      return container;
    },
    /** It was acquired and is not needed. */
    putBack(container: RunnerContainer): void {
      container.enter(null);
      settle();
    },
    /** The run is over, and the container as its runner left it. */
    async release(container: RunnerContainer): Promise<void> {
      const mayStay = mayServeAgain(container.record) && container.isUsable() && container.mayStay();
      if (!mayStay) return discard(container);
      // The next run may be in it by then.
      const isFree = () => container.tenant() === null && !container.isReserved();
      try {
        await container.leave();
      } catch (error) {
        logger.warn("a container is not kept: its record was not written", { why: String(error) });
        if (isFree()) return discard(container);
        throw error; // the record on disk still names the run
      }
      if (isClosed && isFree()) return discard(container);
      settle();
    },
    discard,
    /** Removes the one without a run that was not used for longest; false when there is none. */
    dropIdle(): boolean {
      const oldest = idle().sort((a, b) => a.idleSinceMs() - b.idleSinceMs())[0];
      if (oldest) void discard(oldest);
      return oldest !== undefined;
    },
    get: (key: string): RunnerContainer | undefined => byKey.get(key),
    /** Containers that this process drives. */
    live: (): RunnerContainer[] => [...byKey.values()],
    /** Containers that an earlier process of this agent left, as their records tell. */
    async loadDormant(): Promise<void> {
      for (const record of await deps.records.list()) {
        const isLeaving = (doomed.get(record.key) ?? null) !== null;
        if (!byKey.has(record.key) && !isLeaving) dormant.set(record.key, record);
      }
    },
    dormant: (): ContainerRecord[] => [...dormant.values()],
    /** What is in it must not go on: it is removed as soon as it is seen. */
    doom(key: string): void {
      if (!doomed.has(key)) doomed.set(key, null);
    },
    /** A removal of it was begun: it must go, whatever its record says. */
    isDoomed: (key: string): boolean => doomed.has(key),
    /** Takes up a dormant container. Null when there is none of that key. */
    revive(key: string): RunnerContainer | null {
      const record = dormant.get(key);
      if (!record) return null;
      dormant.delete(key);
      return make(record);
    },
    async forget(key: string): Promise<void> {
      dormant.delete(key);
      await deps.records.remove(key);
      doomed.delete(key);
    },
    /** Looks at the pool anew. */
    settle,
    isCurrent: (generation: string): boolean => generation === deps.generation,
    keepsIdle: (): boolean => isOpen && deps.pool.idleMs > 0,
    /** While closed nothing is kept ready; what is goes. */
    setOpen(open: boolean): void {
      // A last answer of the API must not open it again.
      if (isOpen === open || isClosed) return;
      isOpen = open;
      if (open) settle();
      else for (const one of idle()) void discard(one);
    },
    /** While the runtime is away nothing is made or removed. */
    setAlive(alive: boolean): void {
      isAlive = alive;
      if (alive) settle();
    },
    onChange(listener: () => void): void {
      changed = listener;
    },
    /** Removes what has no run, and lets go of the rest. */
    async close(): Promise<void> {
      isOpen = false;
      isClosed = true;
      for (const timer of [planTimer, refillTimer, forkTimer]) if (timer) clearTimeout(timer);
      // What a run is just leaving is empty in a moment.
      const leaving = [...byKey.values()].filter((one) => one.tenant()?.isLeaving() && one.isUsable());
      await Promise.all(leaving.map((one) => one.left(leavingMsMax)));
      const all = [...byKey.values()];
      const empty = all.filter((one) => one.tenant() === null);
      await Promise.all(empty.map(discard));
      await Promise.all([...doomed.values()]);
      await Promise.all(all.filter((one) => one.tenant() !== null).map((one) => one.detach()));
      await deps.records.close();
    },
    counts: () => {
      const waiting = idle().filter((one) => one.isConnected());
      const warm = waiting.filter((one) => one.record.binding !== null);
      return {
        generic: waiting.length - warm.length,
        forked: waiting.filter((one) => one.isNodeUp()).length,
        warm: warm.length,
        prepared: warm.filter((one) => one.isPrepared()).length,
      };
    },
  };
};
