// Executed by a Node of its own beside a pg-boss of its own (install.ts): `pg-boss.mjs <measurement>` on the database at
// DATABASE_URL prints one JSON line. Not part of the workspace: pg-boss needs a newer Node than we promise to run on.
import { performance } from "node:perf_hooks";
import { PgBoss } from "pg-boss";

const open = async () => {
  const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 10, useListenNotify: true });
  boss.on("error", (error) => console.error(error.message));
  await boss.start();
  return boss;
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls, 16 at a time, until `seconds` are over; how many were made in a second. */
const ratePerS = async (seconds, call) => {
  const startMs = performance.now();
  let made = 0;
  const worker = async () => {
    for (; performance.now() < startMs + seconds * 1_000; made++) await call();
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return perSecond(made, startMs);
};

const percentiles = (samples) => {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] * 100) / 100;
  return { p50Ms: at(0.5), p99Ms: at(0.99), n: sorted.length };
};

const perSecond = (count, startMs) => Math.round((count / (performance.now() - startMs)) * 100_000) / 100;

/** Single sends, 16 in flight; with NOTIFY as soon starts ask for, and without. */
const enqueue = async (boss, notify) => {
  await boss.createQueue("jobs", { notify });
  await ratePerS(4, () => boss.send("jobs", {}));
  return { perS: await ratePerS(4, () => boss.send("jobs", {})), windowS: 4 };
};

/** Sends, 16 in flight, while workers take batches: what was completed in a second, once the backlog is even. */
const sustained = async (boss, notify) => {
  await boss.createQueue("jobs", { notify });
  let done = 0;
  const options = { batchSize: 100, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
  for (let worker = 0; worker < 2; worker++)
    await boss.work("jobs", options, async (jobs) => {
      done += jobs.length;
    });
  let sent = 0;
  const produce = async (seconds) => {
    [sent, done] = [0, 0];
    await ratePerS(seconds, async () => {
      await boss.send("jobs", {});
      sent++;
    });
  };
  await produce(4);
  const startMs = performance.now();
  await produce(8);
  const figure = { perS: perSecond(done, startMs), sent, backlog: sent - done };
  await boss.offWork("jobs");
  return figure;
};

const fill = async (boss, count) => {
  for (let made = 0; made < count; made += 1_000)
    await boss.insert(
      "jobs",
      Array.from({ length: 1_000 }, () => ({ data: {} })),
    );
};

/** Ten thousand jobs that do nothing, fetched and completed in batches by two workers, once five thousand were. */
const drain = async (boss) => {
  await boss.createQueue("jobs");
  await fill(boss, 5_000);
  await empty(boss, 5_000);
  await fill(boss, 10_000);
  return { runsPerS: await empty(boss, 10_000), n: 10_000 };
};

const empty = async (boss, count) => {
  const startMs = performance.now();
  const worker = async () => {
    for (;;) {
      const jobs = await boss.fetch("jobs", { batchSize: 200 });
      if (jobs.length === 0) return;
      await boss.complete(
        "jobs",
        jobs.map((job) => job.id),
      );
    }
  };
  await Promise.all([worker(), worker()]);
  return perSecond(count, startMs);
};

/** From `send` until the handler runs, one at a time. `blocked` jobs of one group wait beside it. */
const startLatency = async (boss, blocked) => {
  await boss.createQueue("jobs", { notify: true });
  let started = () => undefined;
  const held = [];
  await boss.work("jobs", { localConcurrency: 4, groupConcurrency: 1 }, async ([job]) => {
    if (job.groupId === "busy" || job.data?.busy === true) await new Promise((resolve) => held.push(resolve));
    else started(performance.now());
  });
  for (let made = 0; made < blocked; made += 1_000)
    await boss.insert(
      "jobs",
      Array.from({ length: 1_000 }, () => ({ data: { busy: true }, group: { id: "busy" } })),
    );
  if (blocked > 0) await sleep(3_000);
  const samples = [];
  for (let i = 0; i < 130; i++) {
    await sleep(10);
    const start = new Promise((resolve) => {
      started = resolve;
    });
    const sentMs = performance.now();
    await boss.send("jobs", {}, { group: { id: `free-${i}` } });
    const tookMs = (await start) - sentMs;
    if (i >= 30) samples.push(tookMs);
  }
  for (const release of held) release();
  return percentiles(samples);
};

const measurements = {
  enqueue: (boss) => enqueue(boss, true),
  "enqueue-without-notify": (boss) => enqueue(boss, false),
  sustained: (boss) => sustained(boss, true),
  "sustained-without-notify": (boss) => sustained(boss, false),
  drain,
  "start-latency": (boss) => startLatency(boss, 0),
  "start-latency-blocked": (boss) => startLatency(boss, 20_000),
};

const name = process.argv[2];
const boss = await open();
const figure = await measurements[name](boss);
console.log(JSON.stringify({ name: `peer.pg-boss.${name}`, ...figure }));
await boss.stop({ graceful: false, close: true });
process.exit(0);
