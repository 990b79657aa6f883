-- Claim and start change no indexed column any more: they update in place. Rewrites `runs` and its indexes, under a lock.
-- Room on a run's page for its next versions comes first, so that the one rewrite leaves it: without it an update in
-- place finds none.
alter table runs set (fillfactor = 65);--> statement-breakpoint
DROP INDEX "leases_unstarted";--> statement-breakpoint
DROP INDEX "run_events_run";--> statement-breakpoint
DROP INDEX "runs_task_state";--> statement-breakpoint
DROP INDEX "runs_queue_state";--> statement-breakpoint
DROP INDEX "runs_state_machine";--> statement-breakpoint
DROP INDEX "leases_agent";--> statement-breakpoint
DROP INDEX "runs_deployment";--> statement-breakpoint
ALTER TABLE "run_events" DROP CONSTRAINT "run_events_pkey";--> statement-breakpoint
ALTER TABLE "run_events" ADD CONSTRAINT "run_events_run_id_id_pk" PRIMARY KEY("run_id","id");--> statement-breakpoint
ALTER TABLE "runs"
  ADD COLUMN "listed_as" text GENERATED ALWAYS AS (case when state in ('queued', 'leased', 'executing') then 'live' else state end) STORED,
  ADD COLUMN "listed_deployment_id" text GENERATED ALWAYS AS (case when state not in ('leased', 'executing') then deployment_id end) STORED;--> statement-breakpoint
CREATE INDEX "runs_task_listed" ON "runs" USING btree ("environment_id","task_slug","listed_as","id");--> statement-breakpoint
CREATE INDEX "runs_queue_listed" ON "runs" USING btree ("queue_id","listed_as","id") WHERE queue_id is not null;--> statement-breakpoint
CREATE INDEX "runs_listed_machine" ON "runs" USING btree ("environment_id","listed_as","machine","is_test","id");--> statement-breakpoint
CREATE INDEX "leases_agent" ON "leases" USING btree ("agent_id","leased_at");--> statement-breakpoint
CREATE INDEX "runs_deployment" ON "runs" USING btree ("listed_deployment_id","id") WHERE listed_deployment_id is not null;--> statement-breakpoint
alter table attempts set (fillfactor = 80);
