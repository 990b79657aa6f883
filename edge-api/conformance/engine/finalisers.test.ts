import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import {
  createDeployment,
  finaliseDeployment,
  promoteDeployment,
} from "@longshore/edge-api/db/transitions/deployments";
import {
  type AttemptEnd,
  endAttempts,
  loseAttemptsOfSilentAgents,
} from "@longshore/edge-api/db/transitions/end-attempts";
import { expireRuns } from "@longshore/edge-api/db/transitions/expire-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { openPg } from "@longshore/edge-api/platform/database-pg";
import { explainRun, readRunTimeline } from "@longshore/edge-api/services/read-run-history";
import { resolveManifest } from "@longshore/edge-api/services/resolve-manifest";
import { runDueWork } from "@longshore/edge-api/services/run-due-work";
import { sweep } from "@longshore/edge-api/services/sweep";
import type { FinaliserPayload } from "@longshore/shared/contract/finaliser";
import type { TaskError } from "@longshore/shared/contract/task-error";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import {
  cancelOne,
  claimRequest,
  openTestPostgres,
  seed,
  type TestDatabase,
  testDrivers,
  triggerItem,
} from "./fixture.ts";

const once = { retry: { maxAttempts: 1 } };
const tasks = [
  { id: "asks", ...once, finaliser: "asks/finaliser" },
  { id: "asks/finaliser", ...once },
  { id: "plain", ...once },
];

const internal = (code: Extract<TaskError, { type: "INTERNAL_ERROR" }>["code"]): TaskError => ({
  type: "INTERNAL_ERROR",
  code,
  message: "as the platform says",
});
const thrown: TaskError = { type: "BUILT_IN_ERROR", name: "Error", message: "no", stackTrace: "at a.ts:1" };

const failedEnd = (runId: string, finalState: AttemptEnd["finalState"], error: TaskError): AttemptEnd => ({
  ...{ runId, epoch: 1, outcome: "failed", output: null, outputType: null, error, finalState },
  ...{ retry: null, executedMs: 5 },
});

/** An environment with a task that asks for its finaliser, and the moves of one agent. */
const place = async (t: TestDatabase) => {
  const seeded = await seed(t, { tasks, agents: 1 });
  const { environmentId } = seeded;
  const agent = seeded.agentIds[0] ?? "";
  const trigger = async (over = {}, task = "asks") => {
    const item = triggerItem(environmentId, task, { payload: '{"n":1}', ...over });
    return (await triggerRuns(t.db, [item]))[0]?.runId ?? "";
  };
  const claim = async () => {
    const answer = await claimRuns(t.db, claimRequest(agent, 100));
    if (answer.kind !== "claimed") throw new Error(answer.kind);
    return answer;
  };
  const begin = async (over = {}, task = "asks") => {
    const runId = await trigger(over, task);
    await claim();
    await startRuns(t.db, agent, [{ runId, epoch: 1 }]);
    return runId;
  };
  const fail = async (state: AttemptEnd["finalState"], error: TaskError, task = "asks") => {
    const runId = await begin({}, task);
    await endAttempts(t.db, agent, [failedEnd(runId, state, error)]);
    return runId;
  };
  const finalisers = (runId: string) =>
    t.query(
      "select id, state, payload, deployment_id, root_run_id from runs where parent_run_id = $1 and task_slug = 'asks/finaliser'",
      [runId],
    );
  const due = async () => (await t.query("select run_id from due_finalisers")).map(({ run_id }) => run_id);
  return { ...seeded, agent, trigger, claim, begin, fail, finalisers, due };
};
type Place = Awaited<ReturnType<typeof place>>;

/** Every way in which a run ends where its process could not call onFailure. Shape: answers the run. */
const ends: [string, string, (t: TestDatabase, p: Place) => Promise<string>][] = [
  ["a crash", "crashed", (_, p) => p.fail("crashed", internal("TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE"))],
  ["too little memory", "crashed", (_, p) => p.fail("crashed", internal("TASK_PROCESS_OOM_KILLED"))],
  ["a time-out", "timed_out", (_, p) => p.fail("timed_out", internal("MAX_DURATION_EXCEEDED"))],
  ["an uncaught exception", "failed", (_, p) => p.fail("failed", internal("TASK_UNCAUGHT_EXCEPTION"))],
  [
    "a lost lease",
    "system_failure",
    async (t, p) => {
      const runId = await p.begin();
      const end = failedEnd(runId, "system_failure", internal("TASK_RUN_LEASE_LOST"));
      await t.query("update agents set beat_at = app_now() - interval '1 hour' where id = $1", [p.agent]);
      const [now] = await t.query("select app_now()::text as at");
      await loseAttemptsOfSilentAgents(t.db, [{ ...end, outcome: "lost" }], String(now?.at));
      return runId;
    },
  ],
  [
    "a start that no agent could make",
    "system_failure",
    async (t, p) => {
      const runId = await p.trigger();
      await p.claim();
      await releaseRuns(t.db, p.agent, [{ runId, epoch: 1, reason: "no image", retryable: false }]);
      return runId;
    },
  ],
  [
    "an expiry",
    "expired",
    async (t, p) => {
      const runId = await p.trigger({ ttlMs: 1_000 });
      await t.advance(1_001);
      await expireRuns(t.db);
      return runId;
    },
  ],
  [
    "a cancel in the queue",
    "canceled",
    async (t, p) => {
      const runId = await p.trigger();
      await cancelOne(t.db, p.environmentId, runId);
      return runId;
    },
  ],
  [
    "a cancel before its time",
    "canceled",
    async (t, p) => {
      const runId = await p.trigger({ delayUntil: "2199-01-01T00:00:00Z" });
      await cancelOne(t.db, p.environmentId, runId);
      return runId;
    },
  ],
  [
    "a cancel while it executes",
    "canceled",
    async (t, p) => {
      const runId = await p.begin();
      await cancelOne(t.db, p.environmentId, runId);
      const end = failedEnd(runId, "canceled", internal("TASK_RUN_CANCELLED"));
      await endAttempts(t.db, p.agent, [{ ...end, outcome: "canceled" }]);
      return runId;
    },
  ],
];

/** Ends that the process told its hooks of, or that are no failure. */
const toldEnds: [string, string, (t: TestDatabase, p: Place) => Promise<string>][] = [
  ["its own error", "failed", (_, p) => p.fail("failed", thrown)],
  [
    "an OutOfMemoryError of its own",
    "crashed",
    (_, p) => p.fail("crashed", { ...thrown, name: "OutOfMemoryError" } as TaskError),
  ],
  [
    "two waits at once",
    "system_failure",
    (_, p) => p.fail("system_failure", internal("TASK_DID_CONCURRENT_WAIT")),
  ],
  ["an output that cannot be written", "failed", (_, p) => p.fail("failed", internal("TASK_OUTPUT_ERROR"))],
  [
    "success",
    "completed",
    async (t, p) => {
      const runId = await p.begin();
      const end = {
        ...failedEnd(runId, "completed", thrown),
        error: null,
        output: "1",
        outputType: "text/plain",
      };
      await endAttempts(t.db, p.agent, [{ ...end, outcome: "completed" }]);
      return runId;
    },
  ],
];

const stateOf = async (t: TestDatabase, runId: string) =>
  (await t.query("select state from runs where id = $1", [runId]))[0]?.state;

describe.each(testDrivers)("finalisers on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  test("a run's explanation and its events say that its finaliser is due, and which run it is", async () => {
    const p = await place(t);
    const deps = depsOf(t.db);
    const principal = { kind: "key" as const, environmentId: p.environmentId, scopes: null };
    const runId = await p.fail("crashed", internal("TASK_PROCESS_SIGSEGV"));
    const told = async (id = runId) => {
      const { sentence, details } = await explainRun(deps, principal, id);
      const { events } = await readRunTimeline(deps, principal, id);
      const added = events.filter(({ kind }) => kind.startsWith("finaliser"));
      return { sentence, details, added: added.map(({ kind, message }) => [kind, message]) };
    };
    expect(await told()).toEqual({
      sentence: 'The run is over: crashed. Its finaliser "asks/finaliser" is due.',
      details: { finaliserTask: "asks/finaliser", finaliserRunId: null },
      added: [["finaliser_due", "asks/finaliser"]],
    });
    await runDueWork(deps);
    const made = (await p.finalisers(runId))[0]?.id;
    expect(await told()).toEqual({
      sentence: `The run is over: crashed. Its finaliser "asks/finaliser" was triggered: ${made}.`,
      details: { finaliserTask: "asks/finaliser", finaliserRunId: made },
      added: [
        ["finaliser_due", "asks/finaliser"],
        ["finaliser_triggered", made],
      ],
    });
    const plain = await p.fail("crashed", internal("TASK_PROCESS_SIGSEGV"), "plain");
    expect(await told(plain)).toEqual({ sentence: "The run is over: crashed.", details: {}, added: [] });
  });

  test.each(ends)("%s is told once", async (_name, state, endRun) => {
    const p = await place(t);
    const runId = await endRun(t, p);
    expect(await stateOf(t, runId)).toBe(state);
    expect(await p.due()).toEqual([runId]);
    for (let times = 0; times < 3; times++) await runDueWork(depsOf(t.db));
    expect(await p.due()).toEqual([]);
    const made = await p.finalisers(runId);
    expect(made).toMatchObject([{ state: "queued", root_run_id: runId }]);
    const told = JSON.parse(String(made[0]?.payload)) as FinaliserPayload;
    expect(told).toMatchObject({
      task: "asks",
      payload: { data: '{"n":1}', type: "application/json" },
      run: { id: runId, maxAttempts: 1 },
      queue: { name: "task/asks" },
    });
    expect(told.error.type).toMatch(/^(INTERNAL|STRING)_ERROR$/);
  });

  test.each(toldEnds)("%s makes no finaliser run", async (_name, state, endRun) => {
    const p = await place(t);
    const runId = await endRun(t, p);
    expect(await stateOf(t, runId)).toBe(state);
    await runDueWork(depsOf(t.db));
    expect(await p.due()).toEqual([]);
    expect(await p.finalisers(runId)).toEqual([]);
  });

  test("a task that does not ask, and a finaliser itself, make none", async () => {
    const p = await place(t);
    const code = internal("TASK_PROCESS_SIGSEGV");
    await p.fail("crashed", code, "plain");
    await cancelOne(t.db, p.environmentId, await p.trigger({}, "plain"));
    expect(await p.due()).toEqual([]);
    await p.fail("crashed", code);
    await runDueWork(depsOf(t.db));
    const lease = (await p.claim()).leases.find(({ task }) => task === "asks/finaliser");
    const runId = lease?.runId ?? "";
    await startRuns(t.db, p.agent, [{ runId, epoch: 1 }]);
    await endAttempts(t.db, p.agent, [failedEnd(runId, "crashed", code)]);
    expect(await stateOf(t, runId)).toBe("crashed");
    expect(await p.due()).toEqual([]);
  });

  test("an attempt that another one follows is no end", async () => {
    const p = await place(t);
    const runId = await p.begin({ maxAttempts: 2 });
    const end = failedEnd(runId, "crashed", internal("TASK_PROCESS_SIGSEGV"));
    await endAttempts(t.db, p.agent, [{ ...end, retry: { spread: 1, delayMs: 60_000 } }]);
    expect(await stateOf(t, runId)).toBe("delayed");
    expect(await p.due()).toEqual([]);
    await cancelOne(t.db, p.environmentId, runId);
    expect(await p.due()).toEqual([runId]);
    await runDueWork(depsOf(t.db));
  });

  test("it runs on the version of the run, although a newer one without it is current", async () => {
    const p = await place(t);
    const runId = await p.begin();
    const id = newId("deployment");
    const { environmentId } = p;
    const manifest = { ...p.manifest, tasks: p.manifest.tasks.filter(({ id }) => id === "plain") };
    const about = { shortCode: "def", bundleHash: p.bundleHash, externalId: null };
    await createDeployment(t.db, { id, environmentId, manifest, ...about });
    const content = resolveManifest(manifest);
    await finaliseDeployment(t.db, { id, environmentId, ...content });
    await promoteDeployment(t.db, { id, environmentId, ...content, schedules: [] });
    await endAttempts(t.db, p.agent, [failedEnd(runId, "crashed", internal("TASK_PROCESS_SIGSEGV"))]);
    await runDueWork(depsOf(t.db));
    expect(await p.finalisers(runId)).toMatchObject([{ deployment_id: p.deploymentId }]);
  });

  test("a claim says that one is due, and the sweep makes it where no agent asks", async () => {
    const p = await place(t);
    const runId = await p.fail("crashed", internal("TASK_PROCESS_SIGSEGV"));
    expect((await p.claim()).nextDueInMs).toBeLessThanOrEqual(0);
    await sweep(depsOf(t.db));
    expect(await p.finalisers(runId)).toHaveLength(1);
    expect((await p.claim()).nextDueInMs ?? 1).toBeGreaterThan(0);
  });

  test("a full queue puts it off, and loses nothing", async () => {
    const p = await place(t);
    const runId = await p.fail("crashed", internal("TASK_PROCESS_SIGSEGV"));
    const deps = depsOf(t.db);
    await runDueWork({ ...deps, settings: { ...deps.settings, queueDepthMax: 0 } });
    expect(await p.finalisers(runId)).toEqual([]);
    await runDueWork(deps);
    expect(await p.due()).toEqual([runId]);
    await t.advance(30_001);
    await runDueWork(deps);
    expect(await p.finalisers(runId)).toHaveLength(1);
    expect(await p.due()).toEqual([]);
  });

  test("a process that died after the trigger makes nothing twice, even when it is noticed days later", async () => {
    const p = await place(t);
    const runId = await p.fail("crashed", internal("TASK_PROCESS_SIGSEGV"));
    const [row] = await t.query("select * from due_finalisers where run_id = $1", [runId]);
    const restore = () =>
      t.query("insert into due_finalisers values ($1, $2, $3, $4, $5)", [
        ...[row?.run_id, row?.environment_id, row?.task_slug, row?.due_at, row?.created_at],
      ]);
    await runDueWork(depsOf(t.db));
    await restore();
    await runDueWork(depsOf(t.db));
    expect(await p.due()).toEqual([]);
    await restore();
    await t.advance(3 * 86_400_000);
    await t.query("delete from idempotency_keys where expires_at <= app_now()");
    await runDueWork(depsOf(t.db));
    expect(await p.finalisers(runId)).toHaveLength(1);
    expect(await p.due()).toEqual([]);
  });

  test("a cancel of the tree above it does not reach a finaliser run", async () => {
    const p = await place(t);
    const parent = await p.begin({}, "plain");
    const child = await p.trigger({ parentRunId: parent });
    await cancelOne(t.db, p.environmentId, child);
    await runDueWork(depsOf(t.db));
    await cancelOne(t.db, p.environmentId, parent);
    expect(await p.finalisers(child)).toMatchObject([{ state: "queued", root_run_id: parent }]);
  });
});

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;

describe.skipIf(serverUrl === undefined)("many instances on one Postgres", () => {
  let t: Awaited<ReturnType<typeof openTestPostgres>>;
  beforeEach(async () => {
    t = await openTestPostgres(serverUrl ?? "");
  }, 60_000);
  afterEach(() => t.close());

  test("a hundred and twenty ends make one finaliser run each, whoever races for them", async () => {
    const p = await place(t);
    const runIds = await Promise.all(Array.from({ length: 120 }, () => p.trigger()));
    const instances = Array.from({ length: 4 }, () =>
      openPg(t.url, { connectionsMax: 2, onError: () => undefined }),
    );
    const racing = instances.map(async ({ db }) => {
      for (let times = 0; times < 4; times++) await sweep(depsOf(db));
    });
    await Promise.all([...racing, ...runIds.map((runId) => cancelOne(t.db, p.environmentId, runId))]);
    await Promise.all(instances.map(({ db }) => sweep(depsOf(db))));
    await Promise.all(instances.map(({ close }) => close()));
    const [counts] = await t.query(
      "select count(*)::int as made, count(distinct parent_run_id)::int as told from runs where task_slug = 'asks/finaliser'",
    );
    expect(counts).toEqual({ made: 120, told: 120 });
    expect(await p.due()).toEqual([]);
  });
});
