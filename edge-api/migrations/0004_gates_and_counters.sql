DROP INDEX "lanes_blocked";--> statement-breakpoint
ALTER TABLE "lanes" ADD COLUMN "counter_ids" text[];--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "delay_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "gates" jsonb;--> statement-breakpoint
CREATE INDEX "lanes_blocked" ON "lanes" USING btree ("blocked_by","turn_at") WHERE blocked_by is not null;--> statement-breakpoint
ALTER TABLE "lanes" DROP COLUMN "limit_slot_ids";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "is_exclusive";