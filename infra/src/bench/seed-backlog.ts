import type { Stage } from "./stage.ts";

/*
 * Backlogs that would take long to trigger one by one, written as the engine leaves them: a lane's `has_work` and counts
 * agree with its entries and leases. The noop task's queue is the one that the measured runs go through.
 */

/** Adds `count` queued runs, spread over the lanes that `lanes` selects (id, queue_id, environment_id, nth from 0). */
const fill = (lanes: string, laneCount: number, count: number, prefix: string): string => `
with spots as (${lanes}),
made as (
  insert into runs (id, environment_id, task_slug, state, queue_id, lane_id, payload, payload_type, retry, machine, queued_at)
  select 'run_0' || '${prefix}' || lpad(n::text, 24, '0'), s.environment_id, 'noop', 'queued', s.queue_id, s.id, '{}',
    'application/json', '{}', '', app_now()
  from generate_series(0, ${count - 1}) n join spots s on s.nth = n % ${laneCount}
  returning id, lane_id, environment_id
)
insert into queue_entries (run_id, lane_id, environment_id, position_at) select id, lane_id, environment_id, app_now() from made;`;

const noopLane =
  "select l.*, 0 as nth from lanes l join queues q on q.id = l.queue_id where q.name = 'task/noop' limit 1";

/** A run that holds the only slot of each lane under `prefix`, by an agent that never answers. */
const occupy = (prefix: string): string => `
insert into runs (id, environment_id, task_slug, state, attempt, lease_epoch, queue_id, lane_id, payload_type, retry, machine, started_at)
select 'run_0x${prefix}' || right(id, 20), environment_id, 'noop', 'executing', 1, 1, queue_id, id, 'application/json', '{}', '', app_now()
from lanes where id like 'lane_${prefix}%';
insert into leases (run_id, agent_id, epoch, environment_id, lane_id, phase, acked, leased_at)
select id, 'agent_seed', 1, environment_id, lane_id, 'executing', true, app_now() from runs where id like 'run_0x${prefix}%';
update lanes set running = 1 where id like 'lane_${prefix}%';
update environment_slots s set running = s.running + (select count(*) from lanes l where l.id like 'lane_${prefix}%' and l.environment_id = s.environment_id);`;

const keyedLane = (prefix: string, columns: string, values: string, count: number): string => `
insert into lanes (id, environment_id, queue_id, concurrency_key, has_work${columns})
select 'lane_${prefix}' || lpad(n::text, 20, '0'), l.environment_id, l.queue_id, 'key-' || n, true${values}
from (${noopLane}) l, generate_series(0, ${count - 1}) n;`;

const lanesOf = (prefix: string): string =>
  `select l.*, row_number() over (order by id) - 1 as nth from lanes l where id like 'lane_${prefix}%'`;

const backlogs = {
  /** 100,000 runs behind one concurrency key that has no slot left. */
  "blocked-backlog": [
    keyedLane("busy", ", running_max", ", 1", 1),
    fill(lanesOf("busy"), 1, 100_000, "b"),
    occupy("busy"),
  ],
  /** A million runs in the queue that agents take from: as many as it holds, but for those that are triggered beside it. */
  backlog: [fill(noopLane, 1, 999_000, "q"), "update lanes set has_work = true"],
  /** 10,000 queues with ten runs each. */
  "many-queues": [
    `insert into queues (id, environment_id, name, type)
     select 'queue_many' || n, l.environment_id, 'many-' || n, 'custom' from (${noopLane}) l, generate_series(1, 10000) n`,
    `insert into lanes (id, environment_id, queue_id, has_work)
     select 'lane_many' || lpad(n::text, 20, '0'), l.environment_id, 'queue_many' || n, true
     from (${noopLane}) l, generate_series(1, 10000) n`,
    fill(lanesOf("many"), 10_000, 100_000, "m"),
  ],
  /** 100,000 runs of 1,000 keys behind one named limit whose slot is taken. */
  "blocked-limit": [
    `insert into concurrency_limits (id, environment_id, name, total)
     select 'climit_full', l.environment_id, 'full', 1 from (${noopLane}) l`,
    `insert into limit_slots (id, limit_id, environment_id, is_total, running, running_max)
     select 'lslot_full', 'climit_full', l.environment_id, true, 1, 1 from (${noopLane}) l`,
    keyedLane("full", ", limits_key, counter_ids", ", 'full', array['lslot_full']", 1_000),
    fill(lanesOf("full"), 1_000, 100_000, "l"),
  ],
} as const;

export type Backlog = keyof typeof backlogs;

/** Writes a backlog beside what a stage has, and brings the statistics up to date. Needs a run to have been triggered. */
export const seedBacklog = async ({ sql }: Stage, backlog: Backlog): Promise<void> => {
  await sql.query("set synchronous_commit = off");
  for (const statement of backlogs[backlog]) await sql.query(statement);
  await sql.query("vacuum analyze");
  // Connections that stood idle meanwhile are closed by the API now; a request must not run into that.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
};
