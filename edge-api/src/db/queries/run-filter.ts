import type { RunState } from "@longshore/shared/contract/run-status";
import { and, eq, gt, gte, inArray, lte, or, type SQL, sql } from "drizzle-orm";
import type { DelayKind } from "../../domain/wire-status.ts";
import { deployments, queues } from "../schema/code.ts";
import { runs } from "../schema/record.ts";

export type RunFilter = {
  states?: { state: RunState; delay?: DelayKind }[];
  tasks?: string[];
  versions?: string[];
  tags?: string[];
  queueNames?: string[];
  machines?: string[];
  batchIds?: string[];
  regions?: string[];
  scheduleIds?: string[];
  bulkActionIds?: string[];
  errors?: string[];
  isTest?: boolean;
  fromMs?: number;
  toMs?: number;
};

const delayConditions: Record<DelayKind, SQL | undefined> = {
  retry: gt(runs.attempt, 0),
  released: and(eq(runs.attempt, 0), gt(runs.releaseCount, 0)),
  asked: and(eq(runs.attempt, 0), eq(runs.releaseCount, 0)),
};

const stateCondition = (states: NonNullable<RunFilter["states"]>): SQL | undefined =>
  states.length === 0
    ? sql`false`
    : or(
        ...states.map(({ state, delay }) =>
          and(eq(runs.state, state), delay === undefined ? undefined : delayConditions[delay]),
        ),
      );

const iso = (ms: number) => new Date(ms).toISOString();

/** What a filter asks of a row of runs. */
export const conditions = (environmentIds: readonly string[], filter: RunFilter): (SQL | undefined)[] => [
  environmentIds.length === 1
    ? eq(runs.environmentId, environmentIds[0] ?? "")
    : inArray(runs.environmentId, [...environmentIds]),
  filter.states && stateCondition(filter.states),
  filter.tasks && inArray(runs.taskSlug, filter.tasks),
  filter.versions &&
    sql`${runs.deploymentId} in (select ${deployments.id} from ${deployments} where ${inArray(deployments.environmentId, [...environmentIds])} and ${inArray(deployments.version, filter.versions)})`,
  filter.tags &&
    sql`${runs.tags} @> array[${sql.join(
      filter.tags.map((tag) => sql`${tag}`),
      sql`, `,
    )}]::text[]`,
  filter.queueNames &&
    sql`${runs.queueId} in (select ${queues.id} from ${queues} where ${inArray(queues.environmentId, [...environmentIds])} and ${inArray(queues.name, filter.queueNames)})`,
  filter.machines && inArray(runs.machine, filter.machines),
  filter.batchIds && inArray(runs.batchId, filter.batchIds),
  filter.regions && inArray(runs.region, filter.regions),
  filter.scheduleIds && inArray(runs.scheduleId, filter.scheduleIds),
  filter.bulkActionIds && inArray(runs.bulkActionId, filter.bulkActionIds),
  filter.errors && inArray(runs.errorFingerprint, filter.errors),
  filter.isTest === undefined ? undefined : eq(runs.isTest, filter.isTest),
  filter.fromMs === undefined ? undefined : gte(runs.createdAt, iso(filter.fromMs)),
  filter.toMs === undefined ? undefined : lte(runs.createdAt, iso(filter.toMs)),
];
