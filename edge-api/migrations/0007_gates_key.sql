DROP INDEX "runs_pending";--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "gates_key" text;--> statement-breakpoint
CREATE INDEX "runs_pending" ON "runs" USING btree ("environment_id","id") WHERE lane_id is null and finished_at is null;