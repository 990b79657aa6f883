import { defaultMachine, machinePresets } from "@longshore/shared/contract/machines";

/*
 * What a machine takes of its host, as expressions over its name; an empty or unknown one is the default machine. Places
 * are counted in these figures, so that no table has to be joined for each entry of a queue.
 */

const choose = (machine: string, figure: (preset: { cpu: number; memoryGb: number }) => number): string => {
  const whens = Object.entries(machinePresets).map(
    ([name, preset]) => `when '${name}' then ${figure(preset)}`,
  );
  return `(case ${machine} ${whens.join(" ")} else ${figure(machinePresets[defaultMachine])} end)`;
};

/** Units: CPUs. */
export const cpuOf = (machine: string): string => `${choose(machine, ({ cpu }) => cpu)}::float8`;

/** Units: MiB. */
export const memoryMbOf = (machine: string): string => choose(machine, ({ memoryGb }) => memoryGb * 1024);
