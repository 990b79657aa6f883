import { randomBytes } from "node:crypto";
import type { RunnerJob } from "@longshore/shared/contract/runner-protocol";
import { canTakeEnvironment, type Executor, forkExecutor, type Listener } from "./fork-executor.ts";

/** An executor that can be given a run. `served`: how many it has had. */
export type ReadyExecutor = { executor: Executor; mark: string; served: number };

/** A process with code for which no run comes within this is stopped. Units: milliseconds. */
const restAfterMs = 100;
/** Code that is not loaded by then is stopped where it is; its run lets it go on. Units: milliseconds. */
const prepareMsMax = 15_000;

type Spare = ReadyExecutor & {
  oldSpaceMb: number | null;
  /** Node is up in it, and it waits for code. */
  isUp?: true;
  /** What it has loaded, with which environment; null while it holds no code. */
  code: Pick<RunnerJob, "bundleDir" | "entry" | "env"> | null;
};

export const newMark = (): string => `\u0001${randomBytes(12).toString("hex")} `;

const isSameEnvironment = (a: Record<string, string>, b: Record<string, string>): boolean => {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
};

const fits = ({ code, executor, oldSpaceMb }: Spare, job: RunnerJob): boolean => {
  if (!executor.isUp() || oldSpaceMb !== job.oldSpaceMb) return false;
  if (code === null) return canTakeEnvironment(job.env);
  return code.bundleDir === job.bundleDir && code.entry === job.entry && isSameEnvironment(code.env, job.env);
};

/**
 * The executor of the next run.
 *
 * I1  One that holds code is stopped (SIGSTOP) until its run comes: what the user's modules started costs no processor.
 *     But not when the run follows at once: to stop and wake a process of ten threads costs more than a short run does.
 * I2  One that does not fit the run that comes is thrown away.
 */
export const createSpare = (
  executorPath: string,
  on: {
    ready(isPrepared: boolean): void;
    /** Node is up in one without code, or no more. */
    changed(): void;
    /** The kept process was stopped. */
    rested(kept: number | undefined): void;
  },
) => {
  let spare: Spare | null = null;
  let timer: NodeJS.Timeout | null = null;

  const forget = (one: Spare): void => {
    if (spare !== one) return;
    spare = null;
    if (timer) clearTimeout(timer);
  };
  const lose = (one: Spare): void => {
    const wasHeld = spare === one;
    forget(one);
    if (wasHeld && one.code === null) on.changed();
  };
  const hold = (one: Spare, message?: Listener["message"]): void => {
    spare = one;
    one.executor.tell({ ...(message && { message }), exit: () => lose(one) });
  };
  const rest = (one: Spare): void => {
    if (spare !== one) return;
    if (timer) clearTimeout(timer);
    one.executor.kill("SIGSTOP"); // I1
    if (one.served > 0) on.rested(one.executor.pid);
  };
  const isReady = (one: Spare): void => {
    if (spare !== one) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => rest(one), restAfterMs);
    on.ready(true);
  };
  const drop = (): void => {
    spare?.executor.kill("SIGKILL");
    if (spare) forget(spare);
  };

  return {
    /** Forks one without code: Node's own start overlaps with the way of the job. */
    fork(oldSpaceMb: number | null): void {
      const executor = forkExecutor(executorPath, oldSpaceMb, {});
      const one: Spare = { executor, mark: newMark(), served: 0, oldSpaceMb, code: null };
      hold(one, (message) => {
        if (message.t !== "up" || spare !== one) return;
        one.isUp = true;
        on.changed();
      });
      executor.send({ t: "idle" });
    },
    /** Forks one that loads the code of a run before the next run of it comes. */
    prepare({ bundleDir, entry, env, oldSpaceMb }: RunnerJob): void {
      const executor = forkExecutor(executorPath, oldSpaceMb, env);
      const one: Spare = {
        executor,
        mark: newMark(),
        served: 0,
        oldSpaceMb,
        code: { bundleDir, entry, env },
      };
      hold(one, (message) => {
        if (message.t === "prepared") isReady(one);
      });
      executor.send({ t: "prepare", bundleDir, entry, mark: one.mark });
      timer = setTimeout(() => {
        rest(one);
        on.ready(true);
      }, prepareMsMax);
    },
    /** Holds on to one that has served a run. `isStopped`: it stands still already. */
    keep(
      { executor, served }: ReadyExecutor,
      { bundleDir, entry, env, oldSpaceMb }: RunnerJob,
      isStopped: boolean,
    ): void {
      const code = { bundleDir, entry, env };
      const one: Spare = { executor, mark: newMark(), served, oldSpaceMb, code };
      hold(one);
      if (isStopped) on.ready(true);
      else isReady(one);
    },
    /** The executor for this run: the spare if it fits (I2), else a new one. */
    take(job: RunnerJob): ReadyExecutor {
      const one = spare;
      if (one && fits(one, job)) {
        forget(one);
        // Stopped here, or with its last run by the fence.
        one.executor.kill("SIGCONT");
        return one;
      }
      drop();
      return { executor: forkExecutor(executorPath, job.oldSpaceMb, job.env), mark: newMark(), served: 0 };
    },
    pid: (): number | undefined => spare?.executor.pid,
    /** Node is up in it, and it waits for code. */
    isUp: (): boolean => spare?.isUp ?? false,
    drop,
  };
};
