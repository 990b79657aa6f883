CREATE TABLE "due_finalisers" (
	"run_id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"task_slug" text NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "finaliser" text;--> statement-breakpoint
CREATE INDEX "due_finalisers_due" ON "due_finalisers" USING btree ("due_at");--> statement-breakpoint
alter table due_finalisers set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
