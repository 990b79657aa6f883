ALTER TABLE "agents" ADD COLUMN "drains_itself" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "warm" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "last_error" text;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "last_error_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "held_back" text;