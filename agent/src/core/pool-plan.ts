import type { MachinePreset } from "@longshore/shared/contract/machines";

/** How many runner containers wait for work, and for how long. */
export type PoolSettings = {
  /** Generic containers that are kept whatever happens. Units: containers. */
  min: number;
  /** As many more while there is work. Units: containers. */
  buffer: number;
  /** How long a container that nobody used is kept beyond `min`; 0 keeps none after its run. Units: milliseconds. */
  idleMs: number;
  /** What idle containers may take together. Units: MiB. */
  memoryMbMax: number;
  /** Generic containers in which Node is up already, of all that wait. Units: containers. */
  forked: number;
};

/** A container without a run. */
export type IdleContainer = {
  key: string;
  machine: MachinePreset;
  /** It holds a deployment's code. */
  isBound: boolean;
  /** By the monotonic clock. Units: milliseconds. */
  idleSinceMs: number;
  /** What its runner said last. Units: MiB. */
  memoryMb: number;
};

export type PoolView = {
  settings: PoolSettings;
  /** How many containers may be there besides those whose runs wait. */
  slots: number;
  /** Containers whose runs hold a slot. */
  busy: number;
  idle: IdleContainer[];
  /** Machines that runs came for lately, the latest first; never empty. */
  machines: MachinePreset[];
  /** When the last run came, by the monotonic clock; null for none yet. */
  lastWorkMs: number | null;
  nowMs: number;
};

export type PoolPlan = {
  remove: string[];
  create: MachinePreset[];
  /** When to look again though nothing happens; null for never. Units: milliseconds from now. */
  againInMs: number | null;
};

/** Code that was wanted this recently may be wanted at once again. Units: milliseconds. */
const restedMs = 5_000;

/** Units: MiB; a generic runner before it has said what it takes, and what a started Node adds. */
export const genericMb = 12;
const forkedMb = 32;

/** Least useful first: code that was not wanted for longest, then generic ones of machines that nobody asks for. */
const byUse =
  (machines: MachinePreset[]) =>
  (a: IdleContainer, b: IdleContainer): number => {
    const worth = (one: IdleContainer) => (one.isBound || machines.includes(one.machine) ? 1 : 0);
    return worth(a) - worth(b) || a.idleSinceMs - b.idleSinceMs;
  };

/** How many generic containers of each machine there should be: dealt round, the latest machine first. */
const shares = (machines: MachinePreset[], count: number): Map<MachinePreset, number> => {
  const shared = new Map<MachinePreset, number>();
  for (let nth = 0; nth < count; nth++) {
    const machine = machines[nth % machines.length] as MachinePreset;
    shared.set(machine, (shared.get(machine) ?? 0) + 1);
  }
  return shared;
};

/**
 * What the pool should do now.
 *
 * P1  Idle and busy containers together never exceed the slots: real work takes the place of what waits for it.
 * P2  What idles together stays under the memory ceiling.
 * P3  Beyond `min`, what nobody used for `idleMs` goes.
 * P4  Generic containers fill room that is free. For those of `min`, up to half the room, one that holds code must go
 *     once it has rested for a while: versions that nobody asks for any more must not leave the next one cold.
 */
export const planPool = (view: PoolView): PoolPlan => {
  const { settings, nowMs } = view;
  const isActive = view.busy > 0 || (view.lastWorkMs !== null && nowMs - view.lastWorkMs < settings.idleMs);
  const target = settings.min + (isActive ? settings.buffer : 0);
  const left = [...view.idle].sort(byUse(view.machines));
  const remove: string[] = [];
  const drop = (one: IdleContainer): void => {
    remove.push(one.key);
    left.splice(left.indexOf(one), 1);
  };
  const generic = () => left.filter((one) => !one.isBound);
  const memoryMb = () => left.reduce((sum, one) => sum + one.memoryMb, 0);

  for (const one of [...left]) {
    const isOld = nowMs - one.idleSinceMs >= settings.idleMs;
    const isSpare = one.isBound || generic().length > target || !view.machines.includes(one.machine);
    if (isOld && isSpare) drop(one); // P3
  }
  const room = Math.max(0, view.slots - view.busy);
  while (left.length > room) drop(left[0] as IdleContainer); // P1
  while (left.length > 0 && memoryMb() > settings.memoryMbMax) drop(left[0] as IdleContainer); // P2

  const reserved = Math.min(settings.min, Math.floor(room / 2));
  const bound = () => left.filter((one) => one.isBound);
  const tooMany = bound().slice(0, Math.max(0, bound().length - (room - reserved)));
  for (const one of tooMany) if (nowMs - one.idleSinceMs >= restedMs) drop(one); // P4

  const create: MachinePreset[] = [];
  for (const [machine, count] of shares(view.machines, target)) {
    const present = left.filter((one) => !one.isBound && one.machine === machine).length;
    for (let nth = present; nth < count; nth++) {
      const total = left.length + create.length;
      const takesMb = memoryMb() + (create.length + 1) * genericMb;
      if (total < room && takesMb <= settings.memoryMbMax) create.push(machine); // P1, P2, P4
    }
  }
  const ages = left
    .filter((one) => one.isBound || generic().length > settings.min || !view.machines.includes(one.machine))
    .map((one) => one.idleSinceMs + settings.idleMs - nowMs);
  const crowded = bound()
    .slice(0, Math.max(0, bound().length - (room - reserved)))
    .map((one) => one.idleSinceMs + restedMs - nowMs);
  const dueMs = Math.min(...ages, ...crowded);
  return { remove, create, againInMs: Number.isFinite(dueMs) ? Math.max(100, dueMs) : null };
};

/**
 * How many more generic containers should have Node up: as many as are wanted and fit beside all that waits.
 * Units: `usedMb` in MiB.
 */
export const countToFork = (
  { forked, memoryMbMax }: PoolSettings,
  forkedNow: number,
  usedMb: number,
): number => Math.max(0, Math.min(forked - forkedNow, Math.floor((memoryMbMax - usedMb) / forkedMb)));
