import { dirname, join } from "node:path";
import type { AgentFrame, RunnerJob } from "@longshore/shared/contract/runner-protocol";
import { readMemoryBytes } from "./cgroup-memory.ts";
import { emptyFolder } from "./empty-folder.ts";
import { hide } from "./hide.ts";
import { areAlone, killStrangers } from "./kill-strangers.ts";
import { createLink } from "./link.ts";
import { type RunningJob, runJob } from "./run-job.ts";
import { createSpare, type ReadyExecutor } from "./spare.ts";

/**
 * The runner: the first process of a container. It talks to its agent, owns the executors, and beats for them.
 *
 * I1  A job that was accepted once (run and epoch) is never executed again, however often it is sent.
 * I2  Runs come one at a time. Between them nothing of the last one runs, and nothing ticks: an idle runner costs no
 *     processor. A process that holds code stands still only once no run follows: a new one has nothing of the last run in
 *     it, and in a kept one the last run's callbacks are in the next one's time anyway.
 * I3  Without its agent a run is frozen before its lease can have passed to another (L1).
 * I4  A process finds no file of another. Where that, or I2, cannot be had, the runner ends and its container with it.
 */
const beatMsMax = 5_000;
/** Beyond this much unacknowledged output the task is held up instead of filling the memory. Units: bytes. */
const backlogMax = 16 * 1024 * 1024;
const defaultOrphanGraceMs = 10 * 60 * 1000;
const defaultFenceMs = 30_000;
/** A repeat comes while its run is on, or right after it. */
const acceptedMax = 64;
/** All that a run can write to in its container. */
const writable = ["/tmp", "/dev/shm", "/dev/mqueue"];
const emptyWithinMs = 10_000;
/** What a started Node takes is known after this. Units: milliseconds. */
const settledMs = 2_000;

const setting = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  console.error(`the runner needs ${name}: it is started by an agent, not by hand`);
  process.exit(2);
};
/** Nothing else is in here: this is a container. */
const isAlone = process.env.LONGSHORE_ALONE === "1";
const keepsWarm = process.env.LONGSHORE_WARM === "1";
const fenceMs = Number(process.env.LONGSHORE_FENCE_MS) || defaultFenceMs;
/** Often enough that two lost answers do not freeze the run. Units: milliseconds. */
const beatMs = Math.min(beatMsMax, fenceMs / 3);
let isFenced = false;
/** Where it is made to: see build-runner.ts. */
const folder = dirname(process.argv[1] as string);
// Before there is an executor: none may ever look in here.
hide(folder);
const executorPath = join(folder, "executor.cjs");
const givenOldSpace = Number(process.env.LONGSHORE_OLD_SPACE_MB);

const accepted = new Set<string>();
let current: RunningJob | null = null;
let beats: NodeJS.Timeout | null = null;

const sayReady = (isPrepared: boolean): void =>
  link.send({ t: "ready", isPrepared, isUp: spare.isUp(), memoryBytes: isAlone ? readMemoryBytes() : null });
const spare = createSpare(executorPath, {
  ready: sayReady,
  changed() {
    if (!current) sayReady(false);
  },
  rested(kept) {
    if (!killStrangers(isAlone, kept)) end(4); // I2
  },
});
const forkAhead = (): void => spare.fork(givenOldSpace > 0 ? givenOldSpace : null);
// A job is on its way already: Node's own start overlaps with its way.
if (process.env.LONGSHORE_SPARE === "1") forkAhead();

const pending = new Set<number>();
/** What comes while files are removed; it is taken up in order after that. Null when none are. */
let held: AgentFrame[] | null = null;
let isEnding = false;

/** Shape: whether it has (I4). */
const emptyWritable = async (): Promise<boolean> => {
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, emptyWithinMs, false).unref());
  const emptied = Promise.all(writable.map(emptyFolder)).then(
    () => true,
    () => false,
  );
  return Promise.race([emptied, late]);
};
const getReady = async (job: RunnerJob, kept: ReadyExecutor | null): Promise<void> => {
  const isDeserted = kept !== null && isAlone && areAlone(kept.executor.pid);
  if (!isDeserted && !killStrangers(isAlone, kept?.executor.pid)) return end(4); // I2
  // To end others, all had to stand still.
  if (kept) return spare.keep(kept, job, isAlone && !isDeserted); // It may have files open: they stay for the next run in it.
  if (!keepsWarm) return;
  if (isAlone) {
    held = [];
    // Not in one go: the run's last fact is still on its way out.
    if (!(await emptyWritable())) return end(4);
  }
  const frames = held ?? [];
  held = null;
  if (isEnding) return;
  spare.prepare(job);
  for (const frame of frames) receive(frame);
};
const run = (job: RunnerJob): void => {
  const name = `${job.runId} ${job.epoch}`;
  if (accepted.has(name) || current || isEnding) return; // I1
  accepted.add(name);
  if (accepted.size > acceptedMax) accepted.delete(accepted.values().next().value as string);
  beats = setInterval(() => link.beat(job.runId), beatMs);
  current = runJob(spare.take(job), job, {
    fact: (fact) => {
      // A frozen run cannot say it any more; its agent must know whom to end when memory is short.
      if (fact.kind === "waiting") {
        link.send({ t: "beat", runId: fact.runId, memoryBytes: isAlone ? readMemoryBytes() : null });
      }
      return link.fact(fact);
    },
    request: ({ id, method, path, headers, body }) => {
      pending.add(id);
      link.send({ t: "request", id, runId: job.runId, method, path, headers, body });
    },
    onOver: (kept) => {
      current = null;
      pending.clear();
      if (beats) clearInterval(beats);
      void getReady(job, kept);
    },
  });
  if (isFenced) current.freeze(0); // I3
};

const answer = (id: number, status: number, headers: Record<string, string>, body: string): void => {
  if (pending.delete(id)) current?.answer({ t: "response", id, status, headers, body });
};

const end = (code: number): void => {
  isEnding = true;
  spare.drop();
  current?.kill("SIGKILL");
  link.close();
  // What is still to be written to the socket goes out; an idle event loop would end by itself, a stuck one must too.
  setTimeout(() => process.exit(code), 20);
};

/** Starts an executor without code, and says what it takes unless it has got a run by then. */
const getNodeUp = (): void => {
  if (current || isEnding || spare.pid() !== undefined) return;
  forkAhead();
  const pid = spare.pid();
  setTimeout(() => {
    if (spare.pid() === pid) sayReady(false);
  }, settledMs).unref();
};

const receive = (frame: AgentFrame): void => {
  if (held && frame.t !== "shutdown") {
    held.push(frame);
    return;
  }
  switch (frame.t) {
    case "run":
      run(frame.job);
      return;
    case "continue":
      if (current?.job.runId === frame.runId) current.continue(frame.epoch, frame.wait, frame.waits);
      return;
    case "cancel":
      if (current?.job.runId === frame.runId) current.cancel(frame.graceMs);
      return;
    case "response":
      answer(frame.id, frame.status, frame.headers, frame.body);
      return;
    case "fork":
      getNodeUp();
      return;
    case "shutdown":
      end(0);
  }
};

const link = createLink({
  address: setting("LONGSHORE_SOCKET"),
  token: setting("LONGSHORE_RUNNER_TOKEN"),
  orphanGraceMs: Number(process.env.LONGSHORE_ORPHAN_GRACE_MS) || defaultOrphanGraceMs,
  running: () => (current ? { runId: current.job.runId, epoch: current.epoch() } : null),
  onFrame: receive,
  fenceMs,
  // I3
  onFenced: (lateMs) => {
    isFenced = true;
    current?.freeze(lateMs);
  },
  onLeased: () => {
    if (isFenced) current?.thaw();
    isFenced = false;
  },
  onWelcomed: () => {
    if (!current) sayReady(false);
  },
  onOrphaned: () => end(3),
  onDisconnect: () => {
    // The agent that had these calls is gone. Whether to repeat one is the SDK's decision: it knows what is safe.
    const body = JSON.stringify({ error: "The agent was restarted during this call." });
    for (const id of [...pending]) answer(id, 503, { "content-type": "application/json" }, body);
  },
  onBacklog: (bytes) => current?.holdOutput(bytes > backlogMax),
});

// `docker stop` from outside: the task's process gets the word, and what becomes of it is reported.
process.on("SIGTERM", () => {
  current?.kill("SIGTERM");
  if (!current) end(0);
});
