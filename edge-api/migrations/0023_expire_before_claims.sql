ALTER TABLE "queue_entries" ADD COLUMN "expires_at" timestamp with time zone;--> statement-breakpoint
-- What is queued already keeps to its time to live as well.
update queue_entries q set expires_at = r.expires_at
from runs r
where r.expires_at is not null and q.run_id = r.id;
