import { type RunState, runStates } from "@longshore/shared/contract/run-status";
import { idFloor } from "@longshore/shared/core/ids";
import { and, asc, desc, type SQL, sql } from "drizzle-orm";
import type { Database } from "../database.ts";
import { runs } from "../schema/record.ts";
import { type RunSummaryRow, selectSummaries } from "./read-runs.ts";
import { conditions, type RunFilter } from "./run-filter.ts";

/*
 * A page is put together from ordered pieces: for each key of the filter that narrows most (each tag, each task and
 * state, …) the first rows of an index that has the key's runs in the order of the list; the pieces are then merged. So a
 * page costs as much for a value that nearly all runs have as for one that none has, and nothing is left to what the
 * planner believes of a value. What else is asked is checked row by row.
 */

/** Ids are made by the clock of an API, times by the database's: as far as they may lie apart. Units: milliseconds. */
const clocksApartMs = 3_600_000;

/** Where the rows of a page come from. `keys` are rows `k`; `from` and `match` find the runs of one; `id` orders them. */
type Source = { keys: SQL; from: SQL; match: SQL; id: SQL };

const list = (values: readonly string[]): SQL =>
  sql`array[${sql.join(
    values.map((value) => sql`${value}`),
    sql`, `,
  )}]::text[]`;

const ofRuns = (keys: SQL, match: SQL): Source => ({ keys, from: sql`runs`, match, id: sql`runs.id` });

const cross = (...lists: readonly (readonly [name: string, values: readonly string[]])[]): SQL =>
  sql`select ${sql.join(
    lists.map(([name]) => sql.raw(name)),
    sql`, `,
  )} from ${sql.join(
    lists.map(([name, values]) => sql`unnest(${list(values)}) as ${sql.raw(`of_${name}(${name})`)}`),
    sql` cross join `,
  )}`;

/** Of several tags the one with the fewest runs, as far as a thousand tell. */
const byTag = (environmentIds: readonly string[], tags: readonly string[]): Source => ({
  keys: sql`select e.environment_id, t.tag from unnest(${list(environmentIds)}) as e(environment_id) cross join lateral (
    select g.tag from unnest(${list(tags)}) as g(tag)
    order by (select count(*) from (
      select from run_tags l where l.environment_id = e.environment_id and l.tag = g.tag limit 1000) seen)
    limit 1) t`,
  from: sql`run_tags l join runs on runs.id = l.run_id`,
  match: sql`l.environment_id = k.environment_id and l.tag = k.tag`,
  id: sql`l.run_id`,
});

/** Items of a batch are few: each is looked up. */
const byBatch = (batchIds: readonly string[]): Source =>
  ofRuns(
    sql`select distinct run_id from batch_items where batch_id = any(${list(batchIds)}) and run_id is not null`,
    sql`runs.id = k.run_id`,
  );

const byVersion = (environmentIds: readonly string[], versions: readonly string[]): Source =>
  ofRuns(
    sql`select id as deployment_id from deployments
      where environment_id = any(${list(environmentIds)}) and version = any(${list(versions)})`,
    sql`runs.listed_deployment_id = k.deployment_id`,
  );

/* Which machines there are, and whether tests among them, is read by jumping from one value of the index to the next. */
const kindsOf = (environmentIds: readonly string[], listed: readonly string[]): SQL => sql`
  with recursive kinds as (
    select e.environment_id, s.listed_as, f.machine, f.is_test
    from unnest(${list(environmentIds)}) as e(environment_id) cross join unnest(${list(listed)}) as s(listed_as)
    cross join lateral (
      select machine, is_test from runs where environment_id = e.environment_id and listed_as = s.listed_as
      order by environment_id, listed_as, machine, is_test limit 1) f
    union all
    select n.environment_id, n.listed_as, n.machine, n.is_test
    from kinds c cross join lateral (
      select environment_id, listed_as, machine, is_test from runs
      where environment_id = c.environment_id and listed_as = c.listed_as and (machine, is_test) > (c.machine, c.is_test)
      order by environment_id, listed_as, machine, is_test limit 1) n
  )
  select * from kinds`;

const byKind = (environmentIds: readonly string[], listed: readonly string[], filter: RunFilter): Source => {
  const machines = filter.machines && sql`machine = any(${list(filter.machines)})`;
  const isTest = filter.isTest === undefined ? undefined : sql`is_test = ${filter.isTest}`;
  return ofRuns(
    sql`select * from (${kindsOf(environmentIds, listed)}) found where ${and(sql`true`, machines, isTest)}`,
    sql`runs.environment_id = k.environment_id and runs.listed_as = k.listed_as and runs.machine = k.machine and runs.is_test = k.is_test`,
  );
};

/** States in which there are never more runs than slots: those that hold a lease. */
const isLeased = (state: RunState): boolean => state === "leased" || state === "executing";

const byLease = (environmentIds: readonly string[]): Source => ({
  keys: cross(["environment_id", environmentIds]),
  from: sql`leases l join runs on runs.id = l.run_id`,
  match: sql`l.environment_id = k.environment_id`,
  id: sql`l.run_id`,
});

/** As `runs.listed_as` has it. Queued runs are found among those that are executed, of which there are few. */
const listedAs = (states: readonly RunState[]): string[] => [
  ...new Set(states.map((state) => (state === "queued" || isLeased(state) ? "live" : state))),
];

/** What narrows most, whatever the states; null when only states and what is indexed with them are left. */
const narrowest = (environmentIds: readonly string[], filter: RunFilter): Source | null => {
  const envs = ["environment_id", environmentIds] as const;
  if (filter.batchIds) return byBatch(filter.batchIds);
  if (filter.scheduleIds)
    return ofRuns(cross(["schedule_id", filter.scheduleIds]), sql`runs.schedule_id = k.schedule_id`);
  if (filter.bulkActionIds)
    return ofRuns(
      cross(["bulk_action_id", filter.bulkActionIds]),
      sql`runs.bulk_action_id = k.bulk_action_id`,
    );
  if (filter.errors)
    return ofRuns(
      cross(envs, ["fingerprint", filter.errors]),
      sql`runs.environment_id = k.environment_id and runs.error_fingerprint = k.fingerprint`,
    );
  return null;
};

const byListedState = (
  environmentIds: readonly string[],
  listed: readonly string[],
  filter: RunFilter,
): Source => {
  if (filter.queueNames)
    return ofRuns(
      sql`select q.id as queue_id, s.listed_as from queues q cross join unnest(${list(listed)}) as s(listed_as)
        where q.environment_id = any(${list(environmentIds)}) and q.name = any(${list(filter.queueNames)})`,
      sql`runs.queue_id = k.queue_id and runs.listed_as = k.listed_as`,
    );
  if (filter.tasks)
    return ofRuns(
      cross(["environment_id", environmentIds], ["task_slug", filter.tasks], ["listed_as", listed]),
      sql`runs.environment_id = k.environment_id and runs.task_slug = k.task_slug and runs.listed_as = k.listed_as`,
    );
  return byKind(environmentIds, listed, filter);
};

/** A run is in one of these at most once, or the same in two: pages leave out repeats. */
const sourcesOf = (environmentIds: readonly string[], filter: RunFilter): Source[] => {
  const narrow = narrowest(environmentIds, filter);
  if (narrow) return [narrow];
  const states = [...new Set(filter.states?.map(({ state }) => state) ?? runStates)];
  // Behind a long queue those that are executed would be found late: their leases name them.
  const others = states.includes("queued") ? states : states.filter((state) => !isLeased(state));
  const leased = others.length < states.length ? [byLease(environmentIds)] : [];
  if (others.length === 0 && leased.length > 0) return leased;
  if (filter.tags && filter.tags.length > 0) return [byTag(environmentIds, filter.tags)];
  // While a lease holds a run, its version is not in the index.
  if (filter.versions) return [byVersion(environmentIds, filter.versions), byLease(environmentIds)];
  if (filter.queueNames || filter.tasks)
    return [...leased, byListedState(environmentIds, listedAs(others), filter)];
  if (filter.regions)
    return [
      ofRuns(
        cross(["environment_id", environmentIds], ["region", filter.regions]),
        sql`runs.environment_id = k.environment_id and runs.region = k.region`,
      ),
    ];
  if (filter.states || filter.machines || filter.isTest !== undefined)
    return [...leased, byListedState(environmentIds, listedAs(others), filter)];
  return [ofRuns(cross(["environment_id", environmentIds]), sql`runs.environment_id = k.environment_id`)];
};

/** Ids sort by time: a range of times is, nearly, one of ids. */
const idRange = (id: SQL, filter: RunFilter, page: { after?: string; before?: string }): SQL | undefined =>
  and(
    filter.fromMs === undefined ? undefined : sql`${id} >= ${idFloor("run", filter.fromMs - clocksApartMs)}`,
    filter.toMs === undefined ? undefined : sql`${id} < ${idFloor("run", filter.toMs + clocksApartMs)}`,
    // Clients that turn back send the cursor they came by as well.
    page.after === undefined || page.before !== undefined ? undefined : sql`${id} < ${page.after}`,
    page.before === undefined ? undefined : sql`${id} > ${page.before}`,
  );

/**
 * A page of runs, newest first; one more than `size` is read, to know whether there is another page.
 *
 * Cost: one round trip, of the same few milliseconds however many runs there are, where one filter is given; several
 * that are each common but seldom meet are looked for along the one that narrows most.
 */
export const listRuns = async (
  db: Database,
  environmentIds: readonly string[],
  filter: RunFilter,
  page: { size: number; after?: string; before?: string },
): Promise<{ rows: RunSummaryRow[]; hasOlder: boolean; hasNewer: boolean }> => {
  const isBackwards = page.before !== undefined;
  const order = isBackwards ? sql`asc` : sql`desc`;
  // Written out: a plan that knew of no number would prepare for a tenth of the table.
  const limit = sql.raw(`limit ${Math.trunc(page.size) + 1}`);
  const pieces = sourcesOf(environmentIds, filter).map(({ keys, from, match, id }) => {
    const wanted = and(match, ...conditions(environmentIds, filter), idRange(id, filter, page));
    return sql`select p.id from (${keys}) k cross join lateral (
      select ${id} as id from ${from} where ${wanted} order by ${id} ${order} ${limit}) p`;
  });
  const found = await selectSummaries(db)
    .where(
      sql`runs.id = any(array(
        select id from (${sql.join(pieces, sql` union `)}) pages order by id ${order} ${limit}))`,
    )
    .orderBy(isBackwards ? asc(runs.id) : desc(runs.id));
  const rows = found.slice(0, page.size);
  const hasMore = found.length > page.size;
  if (isBackwards) return { rows: rows.reverse(), hasOlder: true, hasNewer: hasMore };
  return { rows, hasOlder: hasMore, hasNewer: page.after !== undefined };
};
