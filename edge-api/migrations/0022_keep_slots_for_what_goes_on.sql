CREATE INDEX "queue_entries_going_on" ON "queue_entries" USING btree ("environment_id","lane_id") WHERE agent_id is not null;--> statement-breakpoint
-- Claims that met a change of a gate's lane did not count in it: what shared counters hold is counted anew, once.
lock table leases, lanes, limit_slots in share row exclusive mode;--> statement-breakpoint
with held as (
  select id, count(*)::int as count
  from (
    select lane_id as id from leases
    union all
    select unnest(l.counter_ids) from leases s join lanes l on l.id = s.lane_id
  ) h group by id
)
update lanes l set running = coalesce(h.count, 0)
from (select x.id, h.count from lanes x left join held h on h.id = x.id) h
where l.id = h.id and l.running <> coalesce(h.count, 0);--> statement-breakpoint
with held as (
  select c.id, count(*)::int as count
  from leases s join lanes l on l.id = s.lane_id cross join lateral unnest(l.counter_ids) as c(id) group by c.id
)
update limit_slots k set running = coalesce(h.count, 0)
from (select x.id, h.count from limit_slots x left join held h on h.id = x.id) h
where k.id = h.id and k.running <> coalesce(h.count, 0);
