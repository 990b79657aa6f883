import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  inArray,
  isNull,
  lt,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { Database } from "../database.ts";
import { deployments, tasks } from "../schema/code.ts";
import { environments } from "../schema/places.ts";
import { runs } from "../schema/record.ts";
import { schedules } from "../schema/schedules.ts";
import { conditions, type RunFilter } from "./run-filter.ts";

const { payload: _payload, output: _output, ...summaryColumns } = getTableColumns(runs);
const columns = { ...summaryColumns, version: deployments.version };

export const selectSummaries = (db: Database) =>
  db.read.select(columns).from(runs).leftJoin(deployments, eq(deployments.id, runs.deploymentId)).$dynamic();

/** A run without its payload and output. */
export type RunSummaryRow = Awaited<ReturnType<typeof selectSummaries>>[number];

/** What a run's task says in the version that it ran with (one that never began: in the current one), where no trigger says otherwise. */
const taskDefaults = {
  retry: tasks.retry,
  machine: tasks.machine,
  maxDurationS: tasks.maxDurationS,
  ttlMs: tasks.ttlMs,
};

const selectWhole = (db: Database) =>
  db.read
    .select({ ...columns, payload: runs.payload, output: runs.output, task: taskDefaults })
    .from(runs)
    .leftJoin(deployments, eq(deployments.id, runs.deploymentId))
    .leftJoin(
      tasks,
      and(
        eq(
          tasks.deploymentId,
          sql`coalesce(${runs.deploymentId}, (select current_deployment_id from environments where id = ${runs.environmentId}))`,
        ),
        eq(tasks.slug, runs.taskSlug),
      ),
    )
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

/** A run with its parent, root and first children. Errors: null when the environment has no such run. Cost: three statements, two of them at once; another for a scheduled one. */
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
  const [ancestors, children] = await Promise.all([
    above.length === 0 ? [] : selectSummaries(db).where(inArray(runs.id, above)),
    selectSummaries(db).where(eq(runs.parentRunId, runId)).orderBy(asc(runs.id)).limit(childrenMax),
  ]);
  const [schedule] =
    run.scheduleId === null
      ? []
      : await db.read.select(scheduleColumns).from(schedules).where(eq(schedules.id, run.scheduleId));
  const parent = ancestors.find((row) => row.id === run.parentRunId);
  const root = ancestors.find((row) => row.id === run.rootRunId);
  return {
    run,
    ...(parent === undefined ? {} : { parent }),
    ...(root === undefined ? {} : { root }),
    children,
    ...(schedule === undefined ? {} : { schedule }),
  };
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
