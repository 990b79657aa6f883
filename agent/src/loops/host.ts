import type { Clock } from "@longshore/shared/core/clock";
import type { Admission } from "../core/admission.ts";
import type { Executions } from "../ports/executions.ts";
import type { Logger } from "../ports/logger.ts";
import type { Outbox } from "../ports/outbox.ts";
import type { LoopEnd } from "./loop.ts";

export type HostDeps = {
  admission: Admission;
  executions: Pick<Executions, "noteAdmission">;
  outbox: Pick<Outbox, "trouble">;
  clock: Clock;
  logger: Logger;
  dataDir: string;
  /** What is free on its disk. Units: bytes. */
  freeBytes(folder: string): Promise<number>;
  /** Less than this on the data folder's disk: nothing is claimed. Units: bytes. */
  freeBytesMin: number;
  say(doing: string): void;
};

/** Units: milliseconds. */
const lookMs = 5_000;
const mib = 1024 * 1024;

const lookAtDisk = async (deps: HostDeps): Promise<void> => {
  const { admission, dataDir, freeBytesMin, outbox } = deps;
  const free = await deps.freeBytes(dataDir);
  const room = `${Math.floor(free / mib)} MiB are free on the disk of ${dataDir}, ${Math.ceil(freeBytesMin / mib)} are needed`;
  admission.obstacle("disk", free < freeBytesMin ? room : null);
  const trouble = outbox.trouble();
  admission.obstacle("outbox", trouble === null ? null : `the outbox cannot be written (${trouble})`);
};

/**
 * Looks whether this host can start runs, and says so before more are claimed.
 *
 * I1  Whatever changes in the admission is told to the poll at once.
 */
export const hostLoop = async (deps: HostDeps, signal: AbortSignal): Promise<LoopEnd> => {
  const { admission, clock, executions, logger } = deps;
  let said = "";
  const tell = (): void => {
    const reasons = admission.reasons().join("; ");
    deps.say(reasons === "" ? "this host can start runs" : `claims are held back: ${reasons}`);
    if (reasons !== said && reasons !== "") logger.warn("claims are held back", { why: reasons });
    said = reasons;
    executions.noteAdmission(); // I1
  };
  let wake = new AbortController();
  const quiet = admission.onChange(() => {
    tell();
    wake.abort();
  });
  tell();
  try {
    while (!signal.aborted) {
      await lookAtDisk(deps).catch((error) =>
        logger.warn("the disk cannot be asked", { why: String(error) }),
      );
      wake = new AbortController();
      const pauseMs = Math.min(lookMs, admission.dueInMs());
      await clock.sleep(pauseMs, AbortSignal.any([signal, wake.signal]));
      tell();
    }
    return { kind: "stopped" };
  } finally {
    quiet();
  }
};
