import type { Database } from "@longshore/edge-api/db/database";
import { findDueFinalisers } from "@longshore/edge-api/db/queries/find-due-finalisers";
import { findDueWork } from "@longshore/edge-api/db/queries/find-due-work";
import { findOpenWork } from "@longshore/edge-api/db/queries/find-open-work";
import { listRuns } from "@longshore/edge-api/db/queries/list-runs";
import { findDueSchedules } from "@longshore/edge-api/db/queries/list-schedules";
import type { RunFilter } from "@longshore/edge-api/db/queries/run-filter";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { expireNamedRuns, expireRuns } from "@longshore/edge-api/db/transitions/expire-runs";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { settleBatches } from "@longshore/edge-api/db/transitions/settle-batches";
import { settleFinalisers } from "@longshore/edge-api/db/transitions/settle-finalisers";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { type TriggerItem, triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { wakeSettledRuns } from "@longshore/edge-api/db/transitions/wake-settled-runs";
import { openPg, sessionSettings } from "@longshore/edge-api/platform/database-pg";
import { newId } from "@longshore/shared/core/ids";
import pg from "pg";
import { seeded } from "../bench/seed-history.ts";
import { enrolSimulatedAgent } from "../bench/simulated-agent.ts";
import type { Stage } from "../bench/stage.ts";
import type { PlanNode } from "./read-plan.ts";

/** A plan that was measured, by the name of its statement. */
export type RecordedPlan = { name: string; plan: PlanNode };

class Recorded extends Error {}

/** Plans one statement as the API's connections do, executes it for its counts, and takes back what it did. */
const explain = async (sql: pg.Client, text: string, values: readonly unknown[]): Promise<PlanNode> => {
  await sql.query("begin");
  try {
    await sql.query({ name: "", text: `prepare planned as ${text}` });
    const listed = values.map((value) =>
      value === null
        ? "null"
        : typeof value === "number"
          ? String(value)
          : `${pg.escapeLiteral(Array.isArray(value) ? `{${value.join(",")}}` : String(value))}`,
    );
    const call = listed.length === 0 ? "planned" : `planned(${listed.join(", ")})`;
    const { rows } = await sql.query(
      `explain (analyze, costs off, timing off, summary off, format json) execute ${call}`,
    );
    return (rows[0] as Record<string, [{ Plan: PlanNode }]>)["QUERY PLAN"]?.[0].Plan as PlanNode;
  } finally {
    await sql.query("rollback");
    await sql.query("deallocate all");
  }
};

const agentRequest = (agentId: string, bootId: string, free: number) => ({
  ...{ agentId, bootId, free, slots: free, room: null, held: [] },
  ...{ version: null, runtime: null, labels: { name: "simulated", region: "eu-central" }, draining: null },
});

const filters = (nowMs: number): Record<string, RunFilter> => ({
  none: {},
  "status, common": { states: [{ state: "completed" }] },
  "status, absent": { states: [{ state: "expired" }] },
  "task, common": { tasks: ["task-0"] },
  "task, absent": { tasks: ["absent"] },
  version: { versions: ["20260250.1"] },
  "tag, common": { tags: [seeded.commonTag] },
  "tag, absent": { tags: ["absent"] },
  queue: { queueNames: ["queue-0"] },
  machine: { machines: [seeded.rareMachine] },
  region: { regions: ["eu-central"] },
  batch: { batchIds: ["batch_seed_1"] },
  schedule: { scheduleIds: ["sched_seed_3"] },
  "bulk action": { bulkActionIds: ["bulk_seed_0"] },
  error: { errors: ["error-40"] },
  "is test": { isTest: true },
  "created at": { fromMs: nowMs - 16 * 86_400_000, toMs: nowMs - 15 * 86_400_000 },
});

const triggerItem = (environmentId: string): TriggerItem => ({
  ...{
    id: newId("run"),
    environmentId,
    task: "noop",
    queue: null,
    concurrencyKey: "new",
    laneId: newId("lane"),
  },
  ...{
    limits: null,
    gates: null,
    gatesKey: null,
    payload: "{}",
    payloadType: "application/json",
    delayUntil: null,
  },
  ...{ ttlMs: null, priority: 0, debounceKey: null, idempotencyKey: "key", requestKey: "request" },
  ...{
    idempotencyExpiresAt: new Date().toISOString(),
    parentRunId: null,
    resumeParent: false,
    waitPointId: "",
  },
  ...{ lockVersion: null, externalDeploymentId: null, maxAttempts: null, machine: null, maxDurationS: null },
  ...{
    tags: ["a", "b"],
    metadata: null,
    isTest: false,
    triggerFunction: "trigger",
    batchId: null,
    batchIndex: null,
  },
  ...{
    scheduleId: null,
    bulkActionId: null,
    replayedFromId: null,
    region: null,
    labels: null,
    idempotencyOptions: null,
  },
});

/** The plan of each hot statement on a stage that was seeded. */
export const recordPlans = async (stage: Stage): Promise<RecordedPlan[]> => {
  const sql = new pg.Client({ connectionString: stage.databaseUrl });
  await sql.connect();
  await sql.query(sessionSettings);
  const plans: RecordedPlan[] = [];
  let name = "";
  const call = async (text: string, values: readonly unknown[]): Promise<never> => {
    plans.push({ name, plan: await explain(sql, text, values) });
    throw new Recorded();
  };
  const logged: { text: string; values: unknown[] }[] = [];
  const api = openPg(stage.databaseUrl, { connectionsMax: 1, onError: () => undefined });
  const query = api.pool.query;
  api.pool.query = ((config: { text: string }, values: unknown[]) => {
    logged.push({ text: config.text, values });
    return Reflect.apply(query, api.pool, [config, values]);
  }) as typeof query;
  const db: Database = { call, read: api.db.read };
  const record = async (statement: string, execute: () => Promise<unknown>): Promise<void> => {
    name = statement;
    await execute().catch((error: unknown) => {
      if (!(error instanceof Recorded)) throw error;
    });
  };
  try {
    const { agentId, bootId } = await enrolSimulatedAgent(stage.http, stage.apiKey, 10);
    const fence = [{ runId: "run_absent", epoch: 1 }];
    const item = triggerItem(stage.environmentId);
    await record("trigger", () => triggerRuns(db, [item]));
    const requested = { ...item, idempotencyKey: null, tags: [] };
    await record("trigger, with the request's key", () => triggerRuns(db, [requested]));
    await record("trigger, without keys", () => triggerRuns(db, [{ ...requested, requestKey: null }]));
    await record("claim, with work", () => claimRuns(db, agentRequest(agentId, bootId, 10)));
    await record("claim, without room", () => claimRuns(db, agentRequest(agentId, bootId, 0)));
    await record("start", () => startRuns(db, agentId, fence));
    const { rows } = await sql.query(
      "select run_id, epoch, agent_id from leases where phase = 'executing' limit 1",
    );
    const end = {
      ...{ runId: String(rows[0]?.run_id), epoch: Number(rows[0]?.epoch), outcome: "completed" as const },
      ...{
        output: null,
        outputType: null,
        error: null,
        finalState: "completed" as const,
        retry: null,
        executedMs: 1,
      },
    };
    await record("end attempts", () => endAttempts(db, String(rows[0]?.agent_id), [end]));
    await record("wait", () =>
      waitRuns(db, String(rows[0]?.agent_id), [
        { runId: end.runId, epoch: end.epoch, waits: [{ kind: "token", id: "waitpoint_absent" }] },
      ]),
    );
    await record("promote due", () => promoteDueRuns(db));
    await record("complete waits", () => completeDueWaits(db));
    await record("expire", () => expireRuns(db));
    await record("expire named", () => expireNamedRuns(db, ["run_absent"]));
    await record("schedules due", () => findDueSchedules(db, 100));
    await record("finalisers due", () => findDueFinalisers(db, 100));
    await record("settle finalisers", () => settleFinalisers(db, [{ runId: "run_absent", kind: "over" }]));
    await record("settle batches", () => settleBatches(db, null));
    await record("settle lanes", () => settleLanes(db, null));
    await record("wake settled runs", () => wakeSettledRuns(db));
    await record("find due work", () => findDueWork(db));
    await record("find open work", () => findOpenWork(db));
    for (const [what, filter] of Object.entries(filters(Date.now()))) {
      logged.length = 0;
      await listRuns(db, [stage.environmentId], filter, { size: 25 });
      for (const { text, values } of logged)
        plans.push({ name: `list by ${what}`, plan: await explain(sql, text, values) });
    }
    return plans;
  } finally {
    await api.close();
    await sql.end();
  }
};
