import { setTimeout as sleep } from "node:timers/promises";
import { type FakeRun, isOver, iso, log, move } from "./fake-run.ts";

const agentId = "agent_01kfra1";

/** Runs a run: queued → leased → executing → completed, with a line now and then. `long-report` never ends by itself. */
export const executeFake = async (run: FakeRun, signal: AbortSignal): Promise<void> => {
  const pause = (ms: number) => sleep(ms, undefined, { signal });
  if (run.dueAt !== null) await pause(Math.max(0, run.dueAt - Date.now()));
  if (run.state === "delayed") move(run, "queued", Date.now(), { kind: "promote" });
  await pause(250);
  const leasedAt = Date.now();
  run.attempts.push({
    number: 1,
    status: "leased",
    agentId,
    agentName: "fra-build-1",
    leasedAt: iso(leasedAt),
    startedAt: null,
    finishedAt: null,
    error: null,
  });
  move(run, "leased", leasedAt, { kind: "claim", agentId });
  await pause(150);
  const attempt = run.attempts[0];
  if (!attempt) return;
  run.startedAt = Date.now();
  Object.assign(attempt, { status: "executing", startedAt: iso(run.startedAt) });
  move(run, "executing", run.startedAt, { kind: "start", agentId });
  log(run, Date.now(), "info", `Start ${run.task}`, { attempt: 1 });
  for (let step = 1; run.task === "long-report" || step <= 4; step++) {
    await pause(run.task === "long-report" ? 100 : 300);
    log(run, Date.now(), step % 5 === 0 ? "warn" : "log", `step ${step} is done`);
  }
  run.output = { ok: true, echoed: run.payload ?? null };
  log(run, Date.now(), "info", "done", { ok: true });
  Object.assign(attempt, { status: "completed", finishedAt: iso(Date.now()) });
  move(run, "completed", Date.now(), { kind: "complete" });
};

/** Ends a run at once, as if its agent had answered already. */
export const cancelFake = (run: FakeRun, by: string): void => {
  if (isOver(run.state)) return;
  const atMs = Date.now();
  const attempt = run.attempts.at(-1);
  if (attempt && attempt.finishedAt === null)
    Object.assign(attempt, { status: "canceled", finishedAt: iso(atMs) });
  log(run, atMs, "warn", "the run was canceled");
  move(run, "canceled", atMs, { kind: "cancel", message: `Canceled by ${by}` });
};
