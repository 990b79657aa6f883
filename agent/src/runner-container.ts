import { type MachinePreset, machinePresets } from "@longshore/shared/contract/machines";
import type { AgentFrame, RunnerFact, RunnerFrame } from "@longshore/shared/contract/runner-protocol";
import type { Clock } from "@longshore/shared/core/clock";
import type { Binding } from "./core/binding.ts";
import type { ExitInfo } from "./core/observed.ts";
import type { BundleStore } from "./ports/bundle-store.ts";
import type { ContainerRecord, ContainerRecords, RunRecord } from "./ports/container-records.ts";
import type { ContainerRuntime } from "./ports/container-runtime.ts";
import type { Logger } from "./ports/logger.ts";
import type { OpenRunnerSocket, RunnerSocket } from "./ports/runner-socket.ts";

export type ContainerDeps = {
  runtime: ContainerRuntime;
  records: ContainerRecords;
  bundles: BundleStore;
  openSocket: OpenRunnerSocket;
  /** Where runners find the agent when it is not the socket in their folder: `tcp://host:port`. */
  address: string | null;
  runnerDir: string;
  clock: Clock;
  logger: Logger;
  orphanGraceMs: number;
  /** How long a lease lasts without contact, as the API last said. Units: milliseconds. */
  leaseMs(): number;
  /** Whether a runner should get ready for another run after each. */
  keepsWarm: boolean;
  /** Flag by which a debugger can attach to the run's process; null outside of development. */
  inspect: string | null;
  /** Aborted when the agent's process ends; what runs goes on without it. */
  stopped: AbortSignal;
};

/** The execution in a container. */
export type Tenant = {
  /** The last of the runner's frames that is safe. */
  heard(): number;
  onHello(hello: Extract<RunnerFrame, { t: "hello" }>): void;
  onFact(frame: number, fact: RunnerFact): void;
  onRequest(request: Extract<RunnerFrame, { t: "request" }>): void;
  /** The runner is there, and asks for how long its run may go on. */
  onBeat(): void;
  onExit(exit: ExitInfo | null): Promise<void>;
  /** The runner says nothing at all. */
  onSilence(): void;
  holdsSlot(): boolean;
  /** Its run is over and said; the container is free once that is safe. */
  isLeaving(): boolean;
};

/** A container whose runner says nothing for this long did not start. Units: milliseconds. */
const helloWithinMs = 60_000;
/** How long the last frames of an ended container may take to be read. Units: milliseconds. */
const drainMs = 300;
/** How long the record of a run's end may wait for that of the next run. Units: milliseconds. */
const leaveGatherMs = 10;
/** Until what the engine did not do is asked of it again. Units: milliseconds. */
const againMs = 2_000;
/** Share of the machine's memory that the executor's heap may take; the rest is the runner's and native. */
const heapShare = 0.8;

/** Heap ceiling of an executor. Units: MiB. */
export const oldSpaceMb = (machine: MachinePreset): number =>
  Math.floor(machinePresets[machine].memoryGb * 1024 * heapShare);

/**
 * One container with a runner in it: started without code, bound to one deployment of one environment by its first run,
 * serving runs one at a time until it is removed.
 *
 * C1  A binding never changes, and what was bound is never given to another.
 * C2  The record on disk names the run before the runner hears of it, so that the next start of the agent knows what is
 *     in here.
 * C3  It is frozen while the fence holds or its run is parked, whichever comes first and until both are over.
 * C4  Its folder goes after the container, its record with the folder.
 */
export const createRunnerContainer = (
  record: ContainerRecord,
  deps: ContainerDeps,
  on: { changed(): void; died(): void },
) => {
  const { runtime, records, logger, clock } = deps;
  const { key } = record;
  let id: string | null = null;
  let starting: Promise<string> | null = null;
  let socket: RunnerSocket | null = null;
  let tenant: Tenant | null = null;
  let saidHello = false;
  /** Whatever its runner says counts, also what says nothing of the run. */
  let timesHeard = 0;
  let isLimited = false;
  let mayStay = true;
  let isGone = false;
  let isDead = false;
  let removing: Promise<void> | null = null;
  let memoryBytes: number | null = null;
  let isPrepared = false;
  /** How far Node is in the process that waits for code. */
  let node: "none" | "asked" | "up" = "none";
  let isReserved = false;
  let placing: Promise<unknown> = Promise.resolve();
  const onLeft: (() => void)[] = [];
  let onTaken: ((saved: Promise<void>) => void) | null = null;
  let idleSinceMs = clock.monotonic();
  const freeze = { isFenced: false, isParked: false, isPaused: false };
  let pausing: Promise<void> = Promise.resolve();
  const timers = new Set<NodeJS.Timeout>();

  const settled = (work: Promise<unknown>, what: string): Promise<void> =>
    work.then(
      () => {},
      (error) => logger.warn(what, { key, why: String(error) }),
    );
  const after = (ms: number, act: () => void): void => {
    timers.add(setTimeout(act, ms).unref());
  };
  const send = (frame: AgentFrame): boolean => socket?.send(frame) ?? false;
  const heard = (): number => Math.max(record.framesHeard, tenant?.heard() ?? 0);

  const onFrame = (frame: Exclude<RunnerFrame, { t: "hello" }>): void => {
    timesHeard++;
    if (frame.t === "fact") {
      // Nobody's: said again about a run that is over.
      if (!tenant || frame.seq <= heard()) send({ t: "ack", seq: frame.seq });
      else tenant.onFact(frame.seq, frame.fact);
    } else if (frame.t === "request") tenant?.onRequest(frame);
    else if (frame.t === "beat") {
      if (frame.memoryBytes !== undefined) memoryBytes = frame.memoryBytes;
      tenant?.onBeat();
    } else if (frame.t === "ready") {
      ({ memoryBytes, isPrepared } = frame);
      // One that comes after a run has entered speaks of before; runners of before do not say.
      if (tenant === null && frame.isUp !== undefined) node = frame.isUp ? "up" : "none";
      on.changed();
    }
  };
  const openSocket = async (): Promise<void> => {
    socket = await deps.openSocket(records.socketDir(key), record.token, {
      onHello(hello) {
        saidHello = true;
        timesHeard++;
        const ack = heard();
        queueMicrotask(() => {
          if (tenant) tenant.onHello(hello);
          else if (hello.running) on.died(); // it executes what nobody knows of
          on.changed();
        });
        return { ack };
      },
      onFrame,
      // Its run ends as one whose process was killed, and the slot is free.
      onUnreadable: () =>
        void (id && settled(runtime.kill(id), "a container whose runner cannot be read was not killed")),
      onClosed: on.changed,
    });
  };
  /** That of one which is there already, and has no other way to its agent. */
  const reopenSocket = async (): Promise<void> => {
    if (isGone) return;
    try {
      await openSocket();
    } catch (error) {
      logger.warn("the socket of a container was not opened yet", { key, why: String(error) });
      after(againMs, () => void reopenSocket());
    }
  };
  const startRuntime = async (isWanted: boolean): Promise<string> => {
    await records.save(record);
    await openSocket();
    const [socketDir, bundleDir] = [records.socketDir(key), records.bundleDir(key)];
    id = await runtime.start({
      labels: { key },
      machine: record.machine,
      image: record.image,
      dir: records.dir(key),
      socketDir,
      bundleDir,
      runnerDir: deps.runnerDir,
      isAhead: !isWanted,
      env: {
        LONGSHORE_SOCKET: deps.address ?? runtime.paths({ bundleDir, socketDir }).socketPath,
        LONGSHORE_RUNNER_TOKEN: record.token,
        LONGSHORE_ORPHAN_GRACE_MS: String(deps.orphanGraceMs),
        // Half a lease: the agent's own silence before its end comes on top.
        LONGSHORE_FENCE_MS: String(Math.round(deps.leaseMs() / 2)),
        LONGSHORE_OLD_SPACE_MB: String(oldSpaceMb(record.machine)),
        // What waits without code is one process; a job that is on its way is worth a second one at once.
        ...(isWanted && deps.inspect === null ? { LONGSHORE_SPARE: "1" } : {}),
        ...(deps.inspect === null ? {} : { LONGSHORE_INSPECT: deps.inspect }),
        ...(deps.keepsWarm ? { LONGSHORE_WARM: "1" } : {}),
      },
    });
    after(helloWithinMs, () => {
      if (saidHello || freeze.isPaused || isGone) return;
      if (tenant) tenant.onSilence();
      else on.died();
    });
    return id;
  };

  const settlePause = (): Promise<void> => {
    pausing = pausing.then(async () => {
      const shouldPause = freeze.isFenced || freeze.isParked; // C3
      if (freeze.isPaused === shouldPause || !id || isGone) return;
      try {
        await (shouldPause ? runtime.pause(id) : runtime.resume(id));
        freeze.isPaused = shouldPause;
      } catch (error) {
        logger.warn("a container was not frozen or thawed yet", { key, why: String(error) });
        after(againMs, () => void settlePause());
      }
    });
    return pausing;
  };
  const removeAll = async (): Promise<void> => {
    for (const timer of timers) clearTimeout(timer);
    send({ t: "shutdown" });
    if (starting) await starting.catch(() => {});
    await placing.catch(() => {});
    if (id) await runtime.remove(id);
    await socket?.close();
    await records.remove(key); // C4
  };
  const applyLimit = async (): Promise<void> => {
    if (isLimited || isGone || !id) return;
    try {
      isLimited = true;
      mayStay = await runtime.limit(id, record.machine);
    } catch (error) {
      isLimited = false;
      logger.warn("a container is not limited yet", { key, why: String(error) });
      after(againMs, () => void applyLimit());
    }
  };

  return {
    key,
    record,
    send,
    oldSpaceMb: oldSpaceMb(record.machine),
    paths: () => runtime.paths({ bundleDir: records.bundleDir(key), socketDir: records.socketDir(key) }),
    /** Starts it; `isWanted`: a run waits for it already. Errors: those of `started`. */
    start(isWanted: boolean): void {
      starting = startRuntime(isWanted);
      starting.then(on.changed, () => {}); // whoever asks `started` hears of the failure
    },
    /** Shape: the runtime's id. Errors: `StartError`. */
    started: (): Promise<string> => (id ? Promise.resolve(id) : (starting as Promise<string>)),
    /** Goes on with what an earlier process of this agent started. The socket is opened when `mayOpen` resolves. */
    adopt(foundId: string, paused: boolean, mayOpen: Promise<void>): void {
      id = foundId;
      freeze.isPaused = paused;
      // A run that waits stays frozen until its wait is over; any other until the fence is known to be down.
      if (paused) freeze[record.run?.isWaiting ? "isParked" : "isFenced"] = true;
      void mayOpen.then(reopenSocket);
    },
    /** Keeps it for a run that is about to enter. */
    reserve(): void {
      isReserved = true;
    },
    isReserved: () => isReserved,
    unreserve(): void {
      isReserved = false;
    },
    enter(next: Tenant | null): void {
      tenant = next;
      isReserved = false;
      isPrepared = false;
      node = "none";
    },
    /** Has its runner start Node for the first run. */
    forkAhead(): void {
      if (send({ t: "fork" })) node = "asked";
    },
    isForked: () => node !== "none",
    /** Node is up in it, and waits for code. */
    isNodeUp: () => node === "up",
    /** Resolves when the tenant that is leaving has left, or the container is gone; false after `ms`. */
    left: (ms: number): Promise<boolean> =>
      new Promise((resolve) => {
        onLeft.push(() => resolve(true));
        after(ms, () => resolve(false));
      }),
    /** Writes down that the run is in here, and puts its code where the runner finds it. Errors: `StartError`. */
    async take(run: RunRecord, binding: Binding): Promise<void> {
      if (isGone) throw new Error("the container is gone");
      const isFirst = record.binding === null;
      record.binding ??= binding; // C1
      record.run = run;
      const saved = records.save(record); // C2
      onTaken?.(saved);
      if (isFirst)
        placing = saved.then(() =>
          deps.bundles.place(binding.bundleHash, records.bundleDir(key), deps.stopped),
        );
      await Promise.all([saved, placing]);
    },
    save: (): Promise<void> => (isGone ? Promise.resolve() : records.save(record)),
    /** The run is over and everything that it said is safe. */
    async leave(): Promise<void> {
      record.framesHeard = heard();
      record.run = null;
      tenant = null;
      idleSinceMs = clock.monotonic();
      for (const tell of onLeft.splice(0)) tell();
      // The record of the next run says it too, where one follows at once.
      const next = await Promise.race([
        new Promise<{ saved: Promise<void> }>((resolve) => {
          onTaken = (saved) => resolve({ saved });
        }),
        clock.sleep(leaveGatherMs),
      ]);
      const isWritten = await next?.saved.then(
        () => true,
        () => false,
      );
      onTaken = null;
      if (!isWritten && !isGone) await records.save(record);
    },
    /** Ends it. Resolves when no trace is left. */
    remove(): Promise<void> {
      isGone = true;
      for (const tell of onLeft.splice(0)) tell();
      removing ??= removeAll();
      return removing;
    },
    applyLimit: () => void applyLimit(),
    setFenced(isFenced: boolean): Promise<void> {
      freeze.isFenced = isFenced;
      return settlePause();
    },
    setParked(isParked: boolean): Promise<void> {
      freeze.isParked = isParked;
      return settlePause();
    },
    async onExit(exit: ExitInfo | null): Promise<void> {
      if (isDead) return;
      isDead = true;
      const deadline = clock.monotonic() + drainMs;
      while (socket?.isConnected() && clock.monotonic() < deadline) await clock.sleep(5);
      if (tenant) await tenant.onExit(exit);
      else on.died();
    },
    /** What is known of one that has ended, or is to be removed. */
    found(foundId: string | null): void {
      id = foundId;
    },
    async detach(): Promise<void> {
      for (const timer of timers) clearTimeout(timer);
      await socket?.close();
    },
    tenant: () => tenant,
    hasStarted: () => id !== null,
    isConnected: () => socket?.isConnected() ?? false,
    /** How often its runner has been heard; null while it cannot speak, or nobody listens. */
    timesHeard: (): number | null =>
      socket === null || freeze.isPaused || freeze.isFenced || freeze.isParked ? null : timesHeard,
    isFenced: () => freeze.isFenced,
    isUsable: () => !isGone && !isDead,
    /** It may serve another run: it is not frozen, and is held to its limits. */
    mayStay: (): boolean => mayStay && !freeze.isFenced && !freeze.isParked && !freeze.isPaused,
    /** Its next executor has the code already. */
    isPrepared: () => isPrepared,
    idleSinceMs: () => idleSinceMs,
    /** Units: MiB; null as long as its runner has not said. */
    memoryMb: (): number | null => (memoryBytes === null ? null : memoryBytes / 1024 / 1024),
  };
};

export type RunnerContainer = ReturnType<typeof createRunnerContainer>;
