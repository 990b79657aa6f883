import { currentVersion, fakeTasks, previousVersion } from "./fake-data.ts";
import { type FakeRun, iso, log, move, newRun } from "./fake-run.ts";

const agent = { agentId: "agent_01kfra1", agentName: "fra-build-1" };
const stack = `Error: SMTP 421: too many connections from this address
    at SmtpClient.send (/app/src/lib/smtp.ts:88:13)
    at async sendWelcomeEmail.run (/app/src/tasks/emails.ts:31:5)
    at async Executor.execute (/runner/executor.cjs:142:18)`;

/** The same numbers each time, so that screenshots do not differ for nothing. */
const sequence = () => {
  let seed = 7;
  return () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
};

const beginAttempt = (run: FakeRun, leasedAt: number, startedAt: number): void => {
  run.attempts.push({
    number: run.attempts.length + 1,
    status: "executing",
    ...agent,
    leasedAt: iso(leasedAt),
    startedAt: iso(startedAt),
    finishedAt: null,
    error: null,
  });
  run.startedAt ??= startedAt;
  move(run, "leased", leasedAt, { kind: "claim", agentId: agent.agentId });
  move(run, "executing", startedAt, { kind: "start", agentId: agent.agentId });
  log(run, startedAt + 4, "info", `Start ${run.task}`, { attempt: run.attempts.length });
};

const endAttempt = (run: FakeRun, atMs: number, status: FakeRun["attempts"][number]["status"]): void => {
  const attempt = run.attempts.at(-1);
  if (attempt)
    Object.assign(attempt, { status, finishedAt: iso(atMs), error: status === "failed" ? run.error : null });
};

const payloadOf = (task: string, random: () => number): unknown => {
  const n = Math.floor(random() * 90_000 + 10_000);
  switch (task) {
    case "send-welcome-email":
      return { userId: `user_${n}`, locale: "en-GB", campaign: { source: "landing", variant: "b" } };
    case "generate-invoice":
      return { invoiceId: `INV-${n}`, currency: "EUR", lines: [{ sku: "seat", count: 12, unitPrice: 18.5 }] };
    case "transcode-video":
      return { source: `s3://media/in/${n}.mov`, presets: ["1080p", "720p", "audio"] };
    default:
      return { since: "2026-11-22T00:00:00.000Z", batchSize: 200 };
  }
};

const workMs: Record<string, number> = {
  "send-welcome-email": 900,
  "generate-invoice": 4_200,
  "transcode-video": 190_000,
  "sync-crm-contacts": 26_000,
  "onboard-customer": 12_000,
  "nightly-export": 72_000,
};

const finished = (task: string, createdAt: number, random: () => number, fate: number): FakeRun => {
  const run = newRun({
    task,
    createdAt,
    version: createdAt < Date.now() - 5 * 3_600_000 ? previousVersion : currentVersion,
    payload: payloadOf(task, random),
    tags:
      random() > 0.45
        ? [`customer:${["acme", "globex", "initech", "umbrella"][Math.floor(random() * 4)]}`]
        : [],
  });
  if (random() > 0.8) run.tags.push("priority");
  move(run, "queued", createdAt, { kind: "trigger" });
  const leasedAt = createdAt + 20 + random() * 260;
  const startedAt = leasedAt + 8 + random() * 40;
  beginAttempt(run, leasedAt, startedAt);
  const endedAt = Math.min(startedAt + (workMs[task] ?? 2_000) * (0.5 + random()), Date.now() - 400);
  log(run, startedAt + 30, "debug", "loaded configuration in 12 ms");
  log(run, startedAt + 210, "info", "fetched the account", { accountId: "acc_4821", plan: "team" });
  if (fate > 0.86) {
    run.error = {
      name: "Error",
      message: "SMTP 421: too many connections from this address",
      stackTrace: stack,
    };
    log(run, endedAt - 20, "error", run.error.message);
    endAttempt(run, endedAt, "failed");
    move(run, fate > 0.97 ? "crashed" : "failed", endedAt, { kind: "fail", message: run.error.message });
  } else if (fate > 0.82) {
    endAttempt(run, endedAt, "canceled");
    move(run, "canceled", endedAt, { kind: "cancel", message: "Canceled by owner@example.test" });
  } else {
    run.output = { ok: true, processed: Math.floor(random() * 400), tookMs: Math.round(endedAt - startedAt) };
    log(run, endedAt - 10, "info", "done", { ok: true });
    endAttempt(run, endedAt, "completed");
    move(run, "completed", endedAt, { kind: "complete" });
  }
  return run;
};

/** A run with everything that a run page can show: retries, a wait, a child, logs of every level. */
const showpiece = (nowMs: number): FakeRun[] => {
  const createdAt = nowMs - 42_000;
  const run = newRun({
    task: "onboard-customer",
    version: currentVersion,
    createdAt,
    payload: {
      customerId: "cus_7731",
      plan: "team",
      seats: 12,
      contact: { name: "New customer", email: "customer@example.test" },
    },
    tags: ["customer:acme", "onboarding"],
    metadata: { step: "provision-workspace", progress: 0.6 },
    idempotencyKey: "onboard-cus_7731",
  });
  move(run, "queued", createdAt, { kind: "trigger", message: "Triggered by API key ending in 9f2c" });
  beginAttempt(run, createdAt + 1_900, createdAt + 2_200);
  for (let line = 0; line < 6; line++)
    log(run, createdAt + 2_400 + line * 300, "log", `checking region ${line + 1} of 6`);
  run.error = { name: "TimeoutError", message: "provisioning did not answer within 5 s", stackTrace: stack };
  log(run, createdAt + 8_300, "warn", "provisioning is slow", {
    elapsedMs: 5_000,
    host: "provision.internal",
  });
  log(run, createdAt + 8_400, "error", "TimeoutError: provisioning did not answer within 5 s");
  endAttempt(run, createdAt + 8_500, "failed");
  move(run, "delayed", createdAt + 8_500, { kind: "retry", message: "Attempt 2 in 3.5 s" });
  run.error = null;
  move(run, "queued", createdAt + 12_000, { kind: "promote" });
  beginAttempt(run, createdAt + 12_150, createdAt + 12_200);
  log(run, createdAt + 12_900, "info", "workspace created", { workspaceId: "ws_118", region: "eu-central" });
  const child = finished("send-welcome-email", createdAt + 14_000, sequence(), 0);
  child.parentId = run.id;
  run.waits.push({
    id: "waitpoint_1",
    kind: "run",
    status: "completed",
    runId: child.id,
    dueAt: null,
    createdAt: iso(createdAt + 14_000),
    completedAt: iso(child.finishedAt ?? createdAt + 16_000),
  });
  move(run, "waiting", createdAt + 14_000, { kind: "wait", message: `Waits for ${child.id}` });
  move(run, "queued", createdAt + 16_000, { kind: "wake" });
  move(run, "executing", createdAt + 16_050, { kind: "continue", agentId: agent.agentId });
  log(run, createdAt + 16_100, "info", "welcome mail sent", { runId: child.id });
  log(run, createdAt + 19_000, "debug", "next step in 1 minute");
  run.waits.push({
    id: "waitpoint_2",
    kind: "time",
    status: "pending",
    runId: null,
    dueAt: iso(createdAt + 3_600_000),
    createdAt: iso(createdAt + 19_500),
    completedAt: null,
  });
  const attempt = run.attempts.at(-1);
  if (attempt) attempt.status = "waiting";
  move(run, "waiting", createdAt + 19_500, { kind: "wait", message: "Waits until a time it chose" });
  return [run, child];
};

const open = (nowMs: number): FakeRun[] => {
  const queued = Array.from({ length: 3 }, (_, index) => {
    const run = newRun({
      task: "sync-crm-contacts",
      version: currentVersion,
      createdAt: nowMs - 16_000 - index * 2_300,
    });
    move(run, "queued", run.createdAt, { kind: "trigger" });
    return run;
  });
  const delayed = newRun({
    task: "nightly-export",
    version: currentVersion,
    createdAt: nowMs - 90_000,
    dueAt: nowMs + 5_400_000,
    tags: ["scheduled"],
  });
  move(delayed, "delayed", delayed.createdAt, { kind: "trigger", message: "Delayed by 1h30m" });
  const executing = newRun({
    task: "transcode-video",
    version: currentVersion,
    createdAt: nowMs - 64_000,
    payload: { source: "s3://media/in/launch.mov", presets: ["1080p", "720p"] },
    tags: ["customer:globex"],
  });
  move(executing, "queued", executing.createdAt, { kind: "trigger" });
  beginAttempt(executing, executing.createdAt + 310, executing.createdAt + 340);
  const expired = newRun({ task: "nightly-export", version: currentVersion, createdAt: nowMs - 7_800_000 });
  expired.error = { message: "The run was not started within its time to live of 2h" };
  move(expired, "queued", expired.createdAt, { kind: "trigger" });
  move(expired, "expired", nowMs - 600_000, { kind: "expire" });
  return [...queued, delayed, executing, expired];
};

/** Runs of the last day. */
export const seedRuns = (nowMs: number, count = 160): FakeRun[] => {
  const random = sequence();
  const tasks = fakeTasks.map((task) => task.id).filter((id) => id !== "long-report");
  const past = Array.from({ length: count }, (_, index) => {
    const createdAt = nowMs - 200_000 - index * index * 2_800 - random() * 30_000;
    return finished(
      tasks[Math.floor(random() ** 1.4 * tasks.length)] ?? "generate-invoice",
      createdAt,
      random,
      random(),
    );
  });
  return [...showpiece(nowMs), ...open(nowMs), ...past].sort((a, b) => b.createdAt - a.createdAt);
};
