DROP INDEX "lanes_open";--> statement-breakpoint
DROP INDEX "lanes_blocked";--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "cpus" double precision;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "memory_mb" integer;--> statement-breakpoint
ALTER TABLE "lanes" ADD COLUMN "region" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "queue_entries" ADD COLUMN "machine" text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX "lanes_open" ON "lanes" USING btree ("environment_id","region","turn_at") WHERE has_work and not paused and blocked_by is null and (running_max is null or running < running_max);--> statement-breakpoint
CREATE INDEX "lanes_blocked" ON "lanes" USING btree ("blocked_by","region","turn_at") WHERE blocked_by is not null;--> statement-breakpoint
update queue_entries q set machine = r.machine from runs r where r.id = q.run_id and r.machine <> '';
