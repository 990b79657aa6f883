ALTER TABLE "concurrency_limits" ADD COLUMN "changed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "queues" ADD COLUMN "changed_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "concurrency_limits_changed" ON "concurrency_limits" USING btree ("changed_at") WHERE changed_at is not null;--> statement-breakpoint
CREATE INDEX "queues_changed" ON "queues" USING btree ("changed_at") WHERE changed_at is not null;--> statement-breakpoint
CREATE INDEX "runs_schedule" ON "runs" USING btree ("schedule_id","id") WHERE schedule_id is not null;--> statement-breakpoint
CREATE INDEX "runs_bulk_action" ON "runs" USING btree ("bulk_action_id","id") WHERE bulk_action_id is not null;--> statement-breakpoint
CREATE INDEX "runs_error" ON "runs" USING btree ("environment_id","error_fingerprint","id") WHERE error_fingerprint is not null;