import type { RunState } from "@longshore/shared/contract/run-status";
import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  inArray,
  isNull,
  lt,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { DelayKind } from "../../domain/wire-status.ts";
import type { Database } from "../database.ts";
import { deployments, queues } from "../schema/code.ts";
import { environments } from "../schema/places.ts";
import { runs } from "../schema/record.ts";
import { schedules } from "../schema/schedules.ts";

const { payload: _payload, output: _output, ...summaryColumns } = getTableColumns(runs);
const columns = { ...summaryColumns, version: deployments.version };

const selectSummaries = (db: Database) =>
  db.read.select(columns).from(runs).leftJoin(deployments, eq(deployments.id, runs.deploymentId)).$dynamic();

/** A run without its payload and output. */
export type RunSummaryRow = Awaited<ReturnType<typeof selectSummaries>>[number];

const selectWhole = (db: Database) =>
  db.read
    .select({ ...columns, payload: runs.payload, output: runs.output })
    .from(runs)
    .leftJoin(deployments, eq(deployments.id, runs.deploymentId))
    .$dynamic();
export type RunRow = Awaited<ReturnType<typeof selectWhole>>[number];

const scheduleColumns = {
  id: schedules.id,
  externalId: schedules.externalId,
  deduplicationKey: schedules.deduplicationKey,
  hasOwnDeduplicationKey: schedules.hasOwnDeduplicationKey,
  cron: schedules.cron,
};
/** The schedule that a run came from, as far as a run tells of it. */
export type RunScheduleRow = Pick<typeof schedules.$inferSelect, keyof typeof scheduleColumns>;

/** Most children that a run's answer carries. */
const childrenMax = 100;

/** A run with its parent, root and first children. Errors: null when the environment has no such run. Cost: two round trips, three for a scheduled one. */
export const findRun = async (
  db: Database,
  environmentId: string,
  runId: string,
): Promise<{
  run: RunRow;
  parent?: RunSummaryRow;
  root?: RunSummaryRow;
  children: RunSummaryRow[];
  schedule?: RunScheduleRow;
} | null> => {
  const [run] = await selectWhole(db).where(and(eq(runs.id, runId), eq(runs.environmentId, environmentId)));
  if (run === undefined) return null;
  const above = [run.parentRunId, run.rootRunId].filter((id) => id !== null);
  const related = await selectSummaries(db)
    .where(or(above.length > 0 ? inArray(runs.id, above) : undefined, eq(runs.parentRunId, runId)))
    .orderBy(asc(runs.id))
    .limit(childrenMax + above.length);
  const [schedule] =
    run.scheduleId === null
      ? []
      : await db.read.select(scheduleColumns).from(schedules).where(eq(schedules.id, run.scheduleId));
  const parent = related.find((row) => row.id === run.parentRunId);
  const root = related.find((row) => row.id === run.rootRunId);
  return {
    run,
    ...(parent === undefined ? {} : { parent }),
    ...(root === undefined ? {} : { root }),
    children: related.filter((row) => row.parentRunId === runId),
    ...(schedule === undefined ? {} : { schedule }),
  };
};

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

const conditions = (environmentIds: readonly string[], filter: RunFilter): (SQL | undefined)[] => [
  environmentIds.length === 1
    ? eq(runs.environmentId, environmentIds[0] ?? "")
    : inArray(runs.environmentId, [...environmentIds]),
  filter.states && stateCondition(filter.states),
  filter.tasks && inArray(runs.taskSlug, filter.tasks),
  filter.versions && inArray(deployments.version, filter.versions),
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

/** A page of runs, newest first; one more than `size` is read, to know whether there is another page. */
export const listRuns = async (
  db: Database,
  environmentIds: readonly string[],
  filter: RunFilter,
  page: { size: number; after?: string; before?: string },
): Promise<{ rows: RunSummaryRow[]; hasOlder: boolean; hasNewer: boolean }> => {
  // Clients that turn back send the cursor they came by as well.
  const isBackwards = page.before !== undefined;
  const cursor =
    page.before !== undefined
      ? gt(runs.id, page.before)
      : page.after !== undefined
        ? lt(runs.id, page.after)
        : undefined;
  const found = await selectSummaries(db)
    .where(and(...conditions(environmentIds, filter), cursor))
    .orderBy(isBackwards ? asc(runs.id) : desc(runs.id))
    .limit(page.size + 1);
  const rows = found.slice(0, page.size);
  const hasMore = found.length > page.size;
  if (isBackwards) return { rows: rows.reverse(), hasOlder: true, hasNewer: hasMore };
  return { rows, hasOlder: hasMore, hasNewer: page.after !== undefined };
};

/** The runs that a bulk action works on: by ids or by a filter, made before it. */
export type BulkScope = {
  environmentId: string;
  bulkActionId: string;
  type: "CANCEL" | "REPLAY";
  /** When the action was made: later runs are none of its own. */
  madeAt?: string;
  filter?: RunFilter;
  runIds?: string[];
};

/* Canceling takes a run out of its own filter: what the action has in hand already still counts. Replaying puts runs
   into it: what the action made does not. */
const bulkCondition = (scope: BulkScope): SQL | undefined => {
  if (scope.runIds !== undefined)
    return and(eq(runs.environmentId, scope.environmentId), inArray(runs.id, scope.runIds));
  const isWanted = and(
    ...conditions([scope.environmentId], scope.filter ?? {}),
    scope.madeAt === undefined ? undefined : lte(runs.createdAt, scope.madeAt),
  );
  const isOurs = eq(runs.bulkActionId, scope.bulkActionId);
  return scope.type === "CANCEL"
    ? or(and(isWanted, isNull(runs.finishedAt)), and(eq(runs.environmentId, scope.environmentId), isOurs))
    : and(isWanted, or(isNull(runs.bulkActionId), ne(runs.bulkActionId, scope.bulkActionId)));
};

/** How many runs a bulk action is to work on, as of now. Cost: one count over what the filter leaves. */
export const countBulkRuns = async (db: Database, scope: BulkScope): Promise<number> => {
  const [row] = await db.read
    .select({ count: sql<string>`count(*)` })
    .from(runs)
    .leftJoin(deployments, eq(deployments.id, runs.deploymentId))
    .where(bulkCondition(scope));
  return Number(row?.count ?? 0);
};

/** The next runs of a bulk action, newest first, behind its cursor. */
export const listBulkRuns = async (
  db: Database,
  scope: BulkScope,
  page: { after: string | null; size: number },
): Promise<RunRow[]> =>
  selectWhole(db)
    .where(and(bulkCondition(scope), page.after === null ? undefined : lt(runs.id, page.after)))
    .orderBy(desc(runs.id))
    .limit(page.size);

/** Name of an environment as lists show it. */
export const findEnvironmentSlug = async (db: Database, environmentId: string): Promise<string> => {
  const [row] = await db.read
    .select({ slug: environments.slug })
    .from(environments)
    .where(and(eq(environments.id, environmentId), isNull(environments.parentEnvironmentId)));
  return row?.slug ?? "";
};
