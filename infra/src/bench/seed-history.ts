import type pg from "pg";

/**
 * Values that a seeded history holds often, seldom, long ago only, or never; each is what a reader of the list could ask for.
 */
export const seeded = {
  rareTask: "rare-task",
  oldTask: "old-task",
  rareTag: "rare-tag",
  oldTag: "old-tag",
  commonTag: "plan:pro",
  rareMachine: "large-2x",
  rareRegion: "ap-south",
  rareQueue: "rare-queue",
} as const;

/** An id as core/ids makes it, of a time in milliseconds and a number that no other row has. */
const idOf = (prefix: string, ms: string, nth: string): string =>
  `'${prefix}_' || ${Array.from({ length: 10 }, (_, place) => `substr('0123456789abcdefghjkmnpqrstvwxyz', ((${ms} >> ${5 * (9 - place)}) & 31)::int + 1, 1)`).join(" || ")} || substr(md5((${nth})::text), 1, 16)`;

const placesStatement = `
insert into queues (id, environment_id, name, type)
select 'queue_' || e.slug || '_' || n, e.id, case when n = 40 then '${seeded.rareQueue}' else 'queue-' || n end, 'custom'
from environments e, generate_series(0, 40) n;
insert into lanes (id, environment_id, queue_id)
select 'lane_' || id, environment_id, id from queues where id like 'queue\\_%\\_%'
on conflict do nothing;
insert into deployments (id, environment_id, version, short_code, status, bundle_hash, manifest, deployed_at)
select 'deployment_' || e.slug || '_' || n, e.id, '2026' || lpad(n::text, 4, '0') || '.1', 'x' || n, 'DEPLOYED', '', '{}', app_now()
from environments e, generate_series(0, 500) n;`;

/* Of 20,000 rows the newest 12 in a thousand or so are not over: the share that a busy installation has. */
const runsStatement = `
with numbered as (
  select n, ($1::bigint + (n - 1) * $2::bigint / $3::bigint) as ms, (n * 7919::bigint) % 1000 as mix, (n * 104729::bigint) % 1000000 as rare,
    n::float8 / $3 as age, case when n % 20 < 16 then 0 when n % 20 < 19 then 1 else 2 end as place,
    $3::bigint - n as nth_newest
  from generate_series($4::bigint, $5::bigint) n
),
placed as (
  select m.*, (select array_agg(id order by slug) from environments) as env_ids,
    (select array_agg(slug order by slug) from environments) as slugs
  from numbered m
),
judged as (
  select p.*, env_ids[place + 1] as environment_id, slugs[place + 1] as slug,
    case when nth_newest >= 20000 then
        case when rare = 3 then 'timed_out' when mix < 920 then 'completed' when mix < 970 then 'failed'
             when mix < 980 then 'canceled' when mix < 990 then 'crashed' else 'system_failure' end
      when nth_newest % 20 < 12 then 'queued' when nth_newest % 20 < 16 then 'delayed' when nth_newest % 20 < 19 then 'waiting'
      when nth_newest % 1000 = 19 then 'executing' else 'completed' end as state
  from placed p
)
insert into runs (id, environment_id, task_slug, state, lease_epoch, attempt, waits_open, deployment_id, queue_id, lane_id,
  waiting_agent_id, payload, payload_type, output, output_type, retry, machine, tags, is_test, batch_id, schedule_id,
  bulk_action_id, region, error, error_fingerprint, due_at, created_at, updated_at, started_at, finished_at)
select ${idOf("run", "ms", "n")}, environment_id,
  case when rare = 7 then '${seeded.rareTask}' when age < 0.1 and mix < 100 then '${seeded.oldTask}' else 'task-' || (mix % 40) end,
  state, 1, case when state in ('queued', 'delayed', 'canceled') then 0 else 1 end, case when state = 'waiting' then 1 else 0 end,
  case when state not in ('queued', 'delayed') then 'deployment_' || slug || '_' || floor(age * 500)::int end,
  'queue_' || slug || '_' || case when rare = 11 then 40 else mix % 40 end,
  'lane_queue_' || slug || '_' || case when rare = 11 then 40 else mix % 40 end,
  case when state = 'waiting' then 'agent_seed' end,
  '{"customer":"' || md5(n::text) || '","items":[1,2,3],"note":"a payload of usual size"}', 'application/json',
  case when state = 'completed' then '{"ok":true}' end, case when state = 'completed' then 'application/json' end,
  '{"maxAttempts":3,"factor":2,"minTimeoutInMs":1000,"maxTimeoutInMs":10000,"randomize":true}',
  case when rare = 13 then '${seeded.rareMachine}' when mix % 10 = 0 then 'medium-1x' else 'small-1x' end,
  case when rare = 17 then array['${seeded.rareTag}'] when age < 0.1 and mix % 10 = 1 then array['${seeded.oldTag}']
       when mix % 10 < 3 then array['user:' || (n % 50000), '${seeded.commonTag}'] else '{}' end,
  place = 2 or rare % 1000 = 19, case when mix % 20 = 5 then 'batch_seed_' || (n / 10000) end,
  case when mix % 20 = 6 then 'sched_seed_' || (mix % 7) end, case when mix = 7 then 'bulk_seed_' || (n / 1000000) end,
  case when rare = 23 then '${seeded.rareRegion}' when mix % 10 = 4 then 'eu-central' end,
  case when state in ('failed', 'crashed', 'system_failure', 'timed_out')
    then '{"type":"BUILT_IN_ERROR","name":"Error","message":"it did not work","stackTrace":""}'::jsonb end,
  case when state in ('failed', 'crashed', 'system_failure', 'timed_out') then 'error-' || (mix % 70) end,
  case when state = 'delayed' then app_now() + interval '30 days' end, to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0),
  case when state not in ('queued', 'delayed', 'canceled') then to_timestamp(ms / 1000.0) end,
  case when state not in ('queued', 'delayed', 'waiting', 'executing') then to_timestamp(ms / 1000.0 + 1) end
from judged`;

const linksStatement = `
insert into queue_entries (run_id, lane_id, environment_id, position_at)
select id, lane_id, environment_id, created_at from runs where state = 'queued' and id like 'run\\_%' order by id desc limit 20000;
insert into leases (run_id, agent_id, epoch, environment_id, lane_id, phase, leased_at)
select id, 'agent_seed', 1, environment_id, lane_id, 'executing', app_now() from runs where state = 'executing';
insert into batch_items (batch_id, index, task_slug, run_id, is_over)
select batch_id, row_number() over (partition by batch_id order by id) - 1, task_slug, id, finished_at is not null
from runs where batch_id is not null;
insert into attempts (run_id, number, status, leased_at, started_at, finished_at, executed_ms)
select id, 1, 'completed', created_at, created_at, finished_at, 5 from runs where state = 'completed' and mod(hashtext(id), 5) = 0;
insert into run_events (run_id, at, kind, to_state)
select id, created_at, kind, 'queued' from runs, unnest(array['trigger', 'claim', 'start', 'complete']) kind
where state = 'completed' and mod(hashtext(id), 5) = 0;`;

/** Units: milliseconds. */
const spanMs = 30 * 86_400_000;
const chunk = 250_000;

/** Drops a table's secondary indexes and answers what makes them again: filling a table is many times faster without. */
const dropIndexes = async (sql: pg.Client, table: string): Promise<string[]> => {
  const { rows } = await sql.query<{ name: string; made: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as made from pg_index
     where indrelid = $1::regclass and not indisprimary and not indisunique`,
    [table],
  );
  for (const { name } of rows) await sql.query(`drop index ${name}`);
  return rows.map(({ made }) => made);
};

/**
 * Fills a database with the record of a month: runs of three environments, nearly all of them over, with what hangs on
 * them. The tables are not logged, so that it takes minutes; what reads them cannot tell.
 */
export const seedHistory = async (sql: pg.Client, count: number): Promise<void> => {
  await sql.query("set synchronous_commit = off; set maintenance_work_mem = '1GB'; set enable_seqscan = on");
  await sql.query("alter table runs set unlogged; alter table run_events set unlogged");
  await sql.query(placesStatement);
  const indexes = await dropIndexes(sql, "runs");
  const startMs = Date.now() - spanMs;
  for (let from = 1; from <= count; from += chunk)
    await sql.query(runsStatement, [startMs, spanMs, count, from, Math.min(count, from + chunk - 1)]);
  for (const made of indexes) await sql.query(made);
  await sql.query(linksStatement);
  await sql.query("vacuum analyze");
};
