import { cancelRuns } from "@longshore/edge-api/db/transitions/cancel-runs";
import { createBatch } from "@longshore/edge-api/db/transitions/create-batch";
import {
  createDeployment,
  finaliseDeployment,
  promoteDeployment,
} from "@longshore/edge-api/db/transitions/deployments";
import { rescheduleRun, resetIdempotencyKey } from "@longshore/edge-api/db/transitions/edit-run";
import { expireNamedRuns } from "@longshore/edge-api/db/transitions/expire-runs";
import { linkBatchItems } from "@longshore/edge-api/db/transitions/link-batch-items";
import { openLane } from "@longshore/edge-api/db/transitions/open-lane";
import { pushBackRun } from "@longshore/edge-api/db/transitions/push-back-run";
import { keysOf, type TriggerItem, triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { releasePending } from "@longshore/edge-api/services/release-pending";
import { resolveManifest } from "@longshore/edge-api/services/resolve-manifest";
import { newId } from "@longshore/shared/core/ids";
import { expect } from "vitest";
import { depsOf } from "../deps-of.ts";
import { triggerItem, triggerLinked } from "../fixture.ts";
import { advance, type Game, isoAt, pick, runIn, type Step } from "./game.ts";
import { plainSpec, type TriggerSpec } from "./model-run.ts";
import { askedLabels, worldTasks } from "./places.ts";

const isoOrNull = (game: Game, ms: number): string | null =>
  ms <= 0 ? null : isoAt(game, game.model.nowMs + ms);

const itemOf = (game: Game, spec: TriggerSpec): TriggerItem => {
  const gates = spec.gates.map((queue) => ({ queue, concurrencyKey: null }));
  return triggerItem(game.environmentId, spec.task, {
    ...{ id: spec.id, concurrencyKey: spec.lane, ttlMs: spec.ttlMs, priority: spec.priority },
    limits: spec.limits.length === 0 ? null : [...spec.limits],
    gates: gates.length === 0 ? null : gates,
    gatesKey: gates.length === 0 ? null : JSON.stringify(gates),
    labels: Object.keys(spec.labels).length === 0 ? null : { ...spec.labels },
    delayUntil: isoOrNull(game, spec.delayMs),
    idempotencyKey: spec.key,
    idempotencyExpiresAt: spec.key === null ? null : isoAt(game, game.model.nowMs + spec.keyLifeMs),
    requestKey: spec.request,
    debounceKey: spec.debounce?.key ?? null,
    ...{ parentRunId: spec.parent, resumeParent: spec.resumes, externalDeploymentId: spec.external },
  });
};

const taskAt = (n: number): string => pick(worldTasks, n)?.id ?? "a";
const laneAt = (n: number): string => ["", "x", "y"][n % 3] ?? "";
const limitsAt = (n: number): string[] =>
  [["all"], ["each"], ["few"], ["all", "each"], ["each", "few"]][n % 5] ?? [];

/** Triggers as the service does: puts off, makes the lane, ends what has outlived its time, and the replaced run. */
const triggerOne = async (game: Game, spec: TriggerSpec): Promise<void> => {
  const { model, t, environmentId } = game;
  const item = itemOf(game, spec);
  if (spec.debounce !== null) {
    const push = { ...item, ...spec.debounce, replaces: spec.priority > 0 };
    const pushed = await pushBackRun(t.db, push);
    expect(pushed, "puts off").toBe(model.pushBack(spec));
    if (pushed !== null) return;
  }
  let outcome = await triggerLinked(t.db, item);
  if (outcome.kind === "lane_missing") {
    const asked = spec.limits.length + spec.gates.length + Object.keys(spec.labels).length;
    expect(asked, "only limits, gates and labels need a lane first").toBeGreaterThan(0);
    const { queueId, limitsKey, limitNames, place } = outcome;
    const opened = await openLane(t.db, {
      ...{ laneId: newId("lane"), environmentId, queueId: queueId ?? "", concurrencyKey: spec.lane },
      ...{ limitsKey, limitNames, place, gates: item.gates ?? [], placelessLaneId: newId("lane") },
      slotIds: limitNames.flatMap(() => [newId("limitSlot"), newId("limitSlot")]),
      gateLaneIds: spec.gates.map(() => newId("lane")),
    });
    expect(opened).toEqual({ missingLimits: [], missingGates: [] });
    outcome = await triggerLinked(t.db, item);
  }
  const wanted = model.trigger(spec);
  expect({ kind: outcome.kind, runId: outcome.runId }).toMatchObject({
    kind: wanted.kind,
    ...(wanted.runId === undefined ? {} : { runId: wanted.runId }),
  });
  expect(outcome.replacedRunId).toBe(wanted.replaced ?? null);
  if (wanted.kind === "expired") {
    const ids = [wanted.runId ?? ""];
    expect(await expireNamedRuns(t.db, ids)).toMatchObject({ count: 1 });
    model.expire(ids);
    return triggerOne(game, spec);
  }
  if (outcome.replacedRunId !== null) await cancelMany(game, [outcome.replacedRunId]);
};

export const cancelMany = async ({ model, t, environmentId }: Game, runIds: string[]): Promise<void> => {
  const { results } = await cancelRuns(t.db, { environmentId, runIds, reason: "asked" });
  const kinds = model.cancel(runIds);
  expect(results).toHaveLength(runIds.length);
  for (const [nth, runId] of runIds.entries())
    expect(results.find((result) => result.runId === runId)?.kind, "cancel").toBe(kinds[nth]);
};

const trigger = async (game: Game, { a, b, c }: Step) => {
  const keyed = c % 5 === 1;
  await triggerOne(game, {
    ...plainSpec(taskAt(a), laneAt(b)),
    limits: c % 4 === 0 ? limitsAt(a + b) : [],
    gates: c % 7 === 0 && taskAt(a) !== "b" ? ["narrow"] : [],
    labels: c % 5 === 2 ? (pick(askedLabels, a + b) ?? {}) : {},
    ttlMs: b % 4 === 1 ? 5_000 : null,
    delayMs: a % 7 === 2 ? 3_000 : 0,
    priority: 4 * (c % 3),
    key: keyed ? `k${taskAt(a)}${b % 2}` : null,
    keyLifeMs: b % 3 === 0 ? 8_000 : 3_600_000,
    request: c % 6 === 5 ? `r${a % 2}` : null,
    external: c % 11 === 3 ? `v${b % 2}` : null,
  });
};

const child = async (game: Game, { a, b, c }: Step) => {
  const executing = runIn(game, a, "executing") ?? runIn(game, a);
  if (executing === undefined) return trigger(game, { op: "trigger", a, b, c });
  const keyed = b % 4 === 1;
  return triggerOne(game, {
    ...plainSpec(taskAt(c), laneAt(b)),
    ...{ parent: executing.id, resumes: b % 5 !== 0, priority: a % 2 },
    limits: c % 6 === 0 ? limitsAt(c) : [],
    ttlMs: c % 9 === 1 ? 5_000 : null,
    key: keyed ? `k${taskAt(c)}${c % 2}` : null,
    keyLifeMs: 3_600_000,
    debounce: b % 11 === 3 ? { key: "d0", delayMs: 4_000, maxDelayMs: null } : null,
    delayMs: b % 11 === 3 ? 4_000 : 0,
  });
};

/** Several in one statement; nothing in them can be in each other's way. */
const many = async (game: Game, { a, b }: Step) => {
  const specs = Array.from({ length: 2 + (b % 3) }, (_, nth) => ({
    ...plainSpec(["a", "b", "c"][(a + nth) % 3] ?? "a", laneAt(a + b + nth)),
    priority: 4 * nth,
    ttlMs: (a + nth) % 5 === 0 ? 5_000 : null,
  }));
  const items = specs.map((spec) => itemOf(game, spec));
  const outcomes = await triggerRuns(game.t.db, items, keysOf(items));
  for (const [nth, spec] of specs.entries())
    expect(outcomes[nth]).toMatchObject({ kind: game.model.trigger(spec).kind, runId: spec.id });
};

/** More than its limit has room for, in lanes of their own. */
const crowd = async (game: Game, { a, b, c }: Step) => {
  for (let nth = 0; nth < 3 + (c % 2); nth++) {
    const task = ["a", "c", "b"][(a + (b % 2 === 0 ? nth : 0)) % 3] ?? "a";
    const spec = { ...plainSpec(task, laneAt(b + nth)), limits: limitsAt(a + (c % 3 === 0 ? nth : 0)) };
    await triggerOne(game, { ...spec, gates: c % 5 === 0 && task !== "b" ? ["narrow"] : [] });
  }
};

/** Once, and mostly once more a moment later. */
const debounce = async (game: Game, { a, b, c }: Step) => {
  const task = ["a", "skip", "replace"][a % 3] ?? "a";
  const delayMs = 2_000 + 1_000 * (b % 3);
  const spec = {
    ...plainSpec(task, laneAt(b)),
    debounce: { key: `d${c % 2}`, delayMs, maxDelayMs: c % 3 === 0 ? delayMs + 1_000 : null },
    ...{ delayMs, key: b % 7 === 1 ? `k${task}0` : null, keyLifeMs: 3_600_000, priority: a % 2 },
    request: c % 9 === 1 ? "r0" : null,
  };
  await triggerOne(game, spec);
  if (a % 4 === 0) return;
  await advance(game, 1_500);
  await triggerOne(game, { ...spec, id: newId("run"), request: null });
};

/** Once, and once more when the first has outlived its time. */
const outlive = async (game: Game, { a, b, c }: Step) => {
  const task = ["a", "skip", "replace", "c"][a % 4] ?? "a";
  const keyed = c % 3 > 0 ? { key: `k${task}${b % 2}`, keyLifeMs: 3_600_000 } : {};
  const spec = { ...plainSpec(task, laneAt(b)), ttlMs: 1_000, ...keyed };
  await triggerOne(game, spec);
  await advance(game, 1_000);
  await triggerOne(game, { ...spec, id: newId("run"), ttlMs: null });
};

const reschedule = async (game: Game, { a, b }: Step) => {
  const run = runIn(game, a, "delayed") ?? runIn(game, a);
  if (run === undefined) return;
  const dueMs = game.model.nowMs + (b % 4) * 2_000 - 2_000;
  const kind = await rescheduleRun(game.t.db, {
    ...{ runId: run.id, environmentId: game.environmentId, dueAt: isoAt(game, dueMs) },
  });
  expect(kind).toBe(game.model.reschedule(run.id, dueMs));
};

const resetKey = async ({ model, t, environmentId }: Game, { a, b }: Step) => {
  const task = taskAt(a);
  const key = `k${task}${b % 2}`;
  const wasThere = await resetIdempotencyKey(t.db, { environmentId, task, key });
  expect(wasThere).toBe(model.knownByKey(key) !== null);
  if (wasThere) model.keys.delete(key);
};

const deploy = async (game: Game, { a, b }: Step) => {
  const { model, t, environmentId, manifest, bundleHash } = game;
  const externalId = a % 3 === 2 ? null : `v${a % 3}`;
  const id = newId("deployment");
  await createDeployment(t.db, { id, environmentId, shortCode: "x", bundleHash, manifest, externalId });
  const content = resolveManifest(manifest);
  await finaliseDeployment(t.db, { id, environmentId, ...content });
  if (externalId !== null) model.externals.add(externalId);
  if (externalId === null || b % 2 === 0) {
    await promoteDeployment(t.db, { id, environmentId, ...content, schedules: [] });
    model.isDeployed = true;
  }
  await releasePending(depsOf(t.db), environmentId);
  model.releasePending();
};

const batch = async ({ model, t, environmentId, ...game }: Game, { a, b, c }: Step) => {
  const parent = runIn({ model, t, environmentId, ...game }, a, "executing")?.id ?? null;
  const key = c % 4 === 0 ? `b${a % 2}` : null;
  const made = {
    ...{ id: newId("batch"), runCount: 1 + (b % 3), items: new Map<number, string>(), hasFailed: false },
    ...{
      status: "PENDING" as const,
      parent: c % 5 === 0 ? null : parent,
      sealByMs: model.nowMs + 10_000,
      key,
    },
  };
  const answer = await createBatch(t.db, {
    ...{ id: made.id, environmentId, runCount: made.runCount, keyHash: key, idempotencyKey: key },
    keyExpiresAt: key === null ? null : "2999-01-01T00:00:00.000Z",
    ...{ parentRunId: made.parent, resumesParent: made.parent !== null, waitPointId: newId("waitPoint") },
    sealMs: 10_000,
  });
  expect(answer).toMatchObject(model.createBatch(made));
};

const items = async (game: Game, { a, b, c }: Step) => {
  const { model, t, environmentId } = game;
  const batches = [...model.batches.values()];
  const open =
    pick(
      batches.filter(({ status }) => status === "PENDING"),
      a,
    ) ?? pick(batches, a);
  if (open === undefined) return batch(game, { op: "batch", a, b, c });
  const linked: { index: number; task: string; runId: string; isFault: boolean }[] = [];
  for (let nth = 0; nth < (c % 2 === 0 ? open.runCount : 1 + (b % 2)); nth++) {
    const index = (a + nth) % open.runCount;
    if (linked.some((item) => item.index === index)) continue;
    const isFault = (b + c + nth) % 4 === 0;
    const known = (c + nth) % 5 === 1 ? runIn(game, b + nth) : undefined;
    const spec = { ...plainSpec(["a", "c"][nth % 2] ?? "a", laneAt(c)), parent: open.parent };
    const isMade = !isFault && known === undefined;
    if (isMade) {
      const parent = spec.parent === null ? undefined : model.get(spec.parent);
      const isParentGone =
        parent !== undefined && (parent.isCanceling || !["executing", "waiting"].includes(parent.state));
      await triggerOne(game, isParentGone ? { ...spec, parent: null } : spec);
    }
    linked.push({
      index,
      task: spec.task,
      runId: isMade ? spec.id : (known?.id ?? newId("run")),
      isFault: isFault && known === undefined,
    });
  }
  const asked = linked.map(({ isFault, ...item }) => ({
    ...item,
    error: isFault ? { message: "no", code: "BATCH_ITEM_COULD_NOT_TRIGGER" } : null,
  }));
  const answer = await linkBatchItems(t.db, { id: open.id, environmentId }, asked);
  model.link(open.id, linked);
  expect(answer.status).toBe(open.status);
};

/** What callers do. */
export const triggerMoves = {
  trigger,
  child,
  many,
  crowd,
  debounce,
  outlive,
  reschedule,
  resetKey,
  deploy,
  batch,
  items,
};
