import { type MachinePreset, machinePresets } from "@longshore/shared/contract/machines";

/** What runs may take together. Units: CPUs and MiB. */
export type Room = { cpu: number; memoryMb: number };

const sizeOf = (machine: MachinePreset): Room => {
  const { cpu, memoryGb } = machinePresets[machine];
  return { cpu, memoryMb: memoryGb * 1_024 };
};
const sizes = (Object.keys(machinePresets) as MachinePreset[]).map(sizeOf);

export const noRoom: Room = { cpu: 0, memoryMb: 0 };

export const roomBeside = (room: Room, taken: Room): Room => ({
  cpu: Math.max(0, room.cpu - taken.cpu),
  memoryMb: Math.max(0, room.memoryMb - taken.memoryMb),
});

export const bothRooms = (one: Room, other: Room): Room => ({
  cpu: one.cpu + other.cpu,
  memoryMb: one.memoryMb + other.memoryMb,
});

/** What is left of a host beside runs of these machines. Never less than nothing, as after a start with a smaller host. */
export const roomLeft = (capacity: Room, machines: readonly MachinePreset[]): Room =>
  roomBeside(capacity, machines.map(sizeOf).reduce(bothRooms, noRoom));

/** How many of the machines there are fit, each by itself: room that changes this can hold what it could not before. */
export const countFitting = (room: Room): number =>
  sizes.filter(({ cpu, memoryMb }) => cpu <= room.cpu && memoryMb <= room.memoryMb).length;

type Waiting = { lease: { machine: MachinePreset }; waitingSince: number; waitingMb: number | null };

/**
 * Which of these waiting runs to end when memory is short: the one that frees most, so that the fewest are ended; of two
 * that are alike, the one that has waited longest. Where it was not seen what a run takes, its machine stands for it.
 */
export const firstToEnd = <T extends Waiting>(waiting: readonly T[]): T | undefined => {
  const takesMb = ({ waitingMb, lease }: T): number => waitingMb ?? sizeOf(lease.machine).memoryMb;
  return [...waiting].sort((a, b) => takesMb(b) - takesMb(a) || a.waitingSince - b.waitingSince)[0];
};
