ALTER TABLE "runs" DROP CONSTRAINT "runs_lane";--> statement-breakpoint
ALTER TABLE "batch_items" ADD COLUMN "is_over" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "item_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "failed_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "batch_items_open" ON "batch_items" USING btree ("batch_id") WHERE not is_over;--> statement-breakpoint
CREATE INDEX "batches_sealed" ON "batches" USING btree ("sealed_at") WHERE sealed_at is not null and completed_at is null;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_lane" CHECK ("runs"."lane_id" is not null or "runs"."state" in ('pending_version', 'canceled') or ("runs"."state" = 'system_failure' and "runs"."attempt" = 0));