import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AgentFrame, RunnerJob } from "@longshore/shared/contract/runner-protocol";
import { canTakeEnvironment, type Executor, forkExecutor } from "./fork-executor.ts";
import { hide } from "./hide.ts";
import { createLink } from "./link.ts";
import { type RunningJob, runJob } from "./run-job.ts";

/**
 * The runner: the first process of a container. It talks to its agent, owns the executor, and beats for it.
 *
 * I1  A job that was accepted once (run and epoch) is never executed again, however often it is sent.
 * I2  The executor is forked before the job is here: Node's own start overlaps with the way of the job.
 * I3  Without its agent a run is frozen before its lease can have passed to another (L1).
 */
const beatMs = 5_000;
/** Beyond this much unacknowledged output the task is held up instead of filling the memory. Units: bytes. */
const backlogMax = 16 * 1024 * 1024;
const defaultOrphanGraceMs = 10 * 60 * 1000;
const defaultFenceMs = 30_000;

const setting = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  console.error(`the runner needs ${name}: it is started by an agent, not by hand`);
  process.exit(2);
};
// Before there is an executor: none may ever look in here.
hide();
const executorPath = join(dirname(fileURLToPath(import.meta.url)), "executor.mjs");
const givenOldSpace = Number(process.env.LONGSHORE_OLD_SPACE_MB);
const oldSpaceAtStart = givenOldSpace > 0 ? givenOldSpace : null;

const accepted = new Set<string>();
let spare: Executor | null = forkExecutor(executorPath, oldSpaceAtStart, {}); // I2
let current: RunningJob | null = null;

const takeExecutor = (job: RunnerJob): Executor => {
  const ready = spare;
  spare = null;
  const fits = job.oldSpaceMb === oldSpaceAtStart && canTakeEnvironment(job.env);
  if (ready && fits && ready.connected) return ready;
  ready?.kill("SIGKILL");
  return forkExecutor(executorPath, job.oldSpaceMb, job.env);
};

const run = (job: RunnerJob): void => {
  const name = `${job.runId} ${job.epoch}`;
  if (accepted.has(name) || current) return; // I1
  accepted.add(name);
  current = runJob(takeExecutor(job), job, {
    fact: (fact) => link.fact(fact),
    request: ({ id, method, path, headers, body }) => {
      pending.add(id);
      link.send({ t: "request", id, runId: job.runId, method, path, headers, body });
    },
    onOver: () => {
      current = null;
      pending.clear();
    },
  });
};

const pending = new Set<number>();
const answer = (id: number, status: number, headers: Record<string, string>, body: string): void => {
  if (pending.delete(id)) current?.answer({ t: "response", id, status, headers, body });
};

const end = (code: number): void => {
  spare?.kill("SIGKILL");
  current?.kill("SIGKILL");
  link.close();
  // What is still to be written to the socket goes out; an idle event loop would end by itself, a stuck one must too.
  setTimeout(() => process.exit(code), 20);
};

const receive = (frame: AgentFrame): void => {
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
    case "shutdown":
      end(0);
  }
};

const link = createLink({
  socketPath: setting("LONGSHORE_SOCKET"),
  token: setting("LONGSHORE_RUNNER_TOKEN"),
  orphanGraceMs: Number(process.env.LONGSHORE_ORPHAN_GRACE_MS) || defaultOrphanGraceMs,
  running: () => (current ? { runId: current.job.runId, epoch: current.epoch() } : null),
  onFrame: receive,
  fenceMs: Number(process.env.LONGSHORE_FENCE_MS) || defaultFenceMs,
  onFenced: () => current?.kill("SIGSTOP"), // I3
  onWelcomed: () => current?.kill("SIGCONT"),
  onOrphaned: () => end(3),
  onDisconnect: () => {
    // The agent that had these calls is gone. Whether to repeat one is the SDK's decision: it knows what is safe.
    const body = JSON.stringify({ error: "The agent was restarted during this call." });
    for (const id of [...pending]) answer(id, 503, { "content-type": "application/json" }, body);
  },
  onBacklog: (bytes) => current?.holdOutput(bytes > backlogMax),
});

setInterval(() => link.beat(current?.job.runId ?? null), beatMs);
// `docker stop` from outside: the task's process gets the word, and what becomes of it is reported.
process.on("SIGTERM", () => {
  current?.kill("SIGTERM");
  if (!current) end(0);
});
