ALTER TABLE "used_tokens" ADD COLUMN "used_by" text;--> statement-breakpoint
ALTER TABLE "used_tokens" ADD COLUMN "used_at" timestamp with time zone DEFAULT app_now() NOT NULL;