CREATE TABLE "batch_items" (
	"batch_id" text NOT NULL,
	"index" integer NOT NULL,
	"task_slug" text NOT NULL,
	"run_id" text,
	"error" jsonb,
	CONSTRAINT "batch_items_batch_id_index_pk" PRIMARY KEY("batch_id","index")
);
--> statement-breakpoint
CREATE TABLE "batches" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"run_count" integer NOT NULL,
	"open_count" integer NOT NULL,
	"idempotency_key" text,
	"parent_run_id" text,
	"resumes_parent" boolean DEFAULT false NOT NULL,
	"seal_by" timestamp with time zone,
	"sealed_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "batches_status" CHECK ("batches"."status" in ('PENDING', 'PROCESSING', 'COMPLETED', 'PARTIAL_FAILED', 'ABORTED')),
	CONSTRAINT "batches_open" CHECK ("batches"."open_count" >= 0)
);
--> statement-breakpoint
CREATE TABLE "bulk_actions" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"name" text,
	"type" text NOT NULL,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"target" jsonb NOT NULL,
	"cursor" text,
	"total_count" integer DEFAULT 0 NOT NULL,
	"success_count" integer DEFAULT 0 NOT NULL,
	"failure_count" integer DEFAULT 0 NOT NULL,
	"worked_until" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	"completed_at" timestamp with time zone,
	CONSTRAINT "bulk_actions_type" CHECK ("bulk_actions"."type" in ('CANCEL', 'REPLAY')),
	CONSTRAINT "bulk_actions_status" CHECK ("bulk_actions"."status" in ('PENDING', 'COMPLETED', 'ABORTED'))
);
--> statement-breakpoint
CREATE TABLE "concurrency_limits" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"name" text NOT NULL,
	"per_key" integer,
	"total" integer,
	"per_key_override" integer,
	"per_key_overridden_at" timestamp with time zone,
	"total_override" integer,
	"total_overridden_at" timestamp with time zone,
	"paused" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "env_vars" (
	"environment_id" text NOT NULL,
	"name" text NOT NULL,
	"sealed" text NOT NULL,
	"key_id" text NOT NULL,
	"is_secret" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "env_vars_environment_id_name_pk" PRIMARY KEY("environment_id","name")
);
--> statement-breakpoint
CREATE TABLE "personal_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"name" text NOT NULL,
	"token_hash" text NOT NULL,
	"hint" text NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "personal_tokens_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "used_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "limit_slots" (
	"id" text PRIMARY KEY NOT NULL,
	"limit_id" text NOT NULL,
	"environment_id" text NOT NULL,
	"is_total" boolean NOT NULL,
	"concurrency_key" text DEFAULT '' NOT NULL,
	"running" integer DEFAULT 0 NOT NULL,
	"running_max" integer,
	"override_max" integer,
	"override_expires_at" timestamp with time zone,
	"paused" boolean DEFAULT false NOT NULL,
	CONSTRAINT "limit_slots_running" CHECK ("limit_slots"."running" >= 0)
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"task_slug" text NOT NULL,
	"type" text NOT NULL,
	"cron" text NOT NULL,
	"timezone" text DEFAULT 'UTC' NOT NULL,
	"window" text,
	"deduplication_key" text NOT NULL,
	"has_own_deduplication_key" boolean DEFAULT true NOT NULL,
	"external_id" text,
	"active" boolean DEFAULT true NOT NULL,
	"next_run_at" timestamp with time zone,
	"fire_at" timestamp with time zone,
	"last_run_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "schedules_type" CHECK ("schedules"."type" in ('DECLARATIVE', 'IMPERATIVE')),
	CONSTRAINT "schedules_fire_while_active" CHECK ("schedules"."active" or "schedules"."fire_at" is null)
);
--> statement-breakpoint
DROP INDEX "lanes_key";--> statement-breakpoint
DROP INDEX "lanes_open";--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "queue_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "lane_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "grace_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "git" jsonb;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "error" jsonb;--> statement-breakpoint
ALTER TABLE "environment_slots" ADD COLUMN "concurrency_limit" integer DEFAULT 100 NOT NULL;--> statement-breakpoint
ALTER TABLE "environment_slots" ADD COLUMN "burst_factor" double precision DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "lanes" ADD COLUMN "limits_key" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "lanes" ADD COLUMN "limit_slot_ids" text[];--> statement-breakpoint
ALTER TABLE "lanes" ADD COLUMN "blocked_by" text;--> statement-breakpoint
ALTER TABLE "queues" ADD COLUMN "concurrency_override" integer;--> statement-breakpoint
ALTER TABLE "queues" ADD COLUMN "overridden_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "queues" ADD COLUMN "policy" text DEFAULT 'queue' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "concurrency_key" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "requested_queue" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "limit_names" text[];--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "metadata_version" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "idempotency_options" jsonb;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "batch_index" integer;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "external_deployment_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "region" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "schedule_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "bulk_action_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "replayed_from_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "debounce_key" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "is_exclusive" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "outcome" text GENERATED ALWAYS AS (case when finished_at is not null then state end) STORED;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "error_fingerprint" text;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "limit_names" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "schedule" jsonb;--> statement-breakpoint
ALTER TABLE "wait_points" ADD COLUMN "batch_id" text;--> statement-breakpoint
ALTER TABLE "wait_points" ADD COLUMN "timeout_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "concurrency_limits" ADD CONSTRAINT "concurrency_limits_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "env_vars" ADD CONSTRAINT "env_vars_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "personal_tokens" ADD CONSTRAINT "personal_tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "batch_items_run" ON "batch_items" USING btree ("run_id") WHERE run_id is not null;--> statement-breakpoint
CREATE INDEX "batches_environment" ON "batches" USING btree ("environment_id","id");--> statement-breakpoint
CREATE INDEX "batches_unsealed" ON "batches" USING btree ("seal_by") WHERE seal_by is not null;--> statement-breakpoint
CREATE INDEX "bulk_actions_environment" ON "bulk_actions" USING btree ("environment_id","id");--> statement-breakpoint
CREATE INDEX "bulk_actions_open" ON "bulk_actions" USING btree ("worked_until") WHERE worked_until is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "concurrency_limits_name" ON "concurrency_limits" USING btree ("environment_id","name");--> statement-breakpoint
CREATE INDEX "used_tokens_expiry" ON "used_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "limit_slots_key" ON "limit_slots" USING btree ("limit_id","is_total","concurrency_key");--> statement-breakpoint
CREATE INDEX "limit_slots_override" ON "limit_slots" USING btree ("override_expires_at") WHERE override_expires_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "schedules_key" ON "schedules" USING btree ("environment_id","deduplication_key");--> statement-breakpoint
CREATE INDEX "schedules_environment" ON "schedules" USING btree ("environment_id","id");--> statement-breakpoint
CREATE INDEX "schedules_fire" ON "schedules" USING btree ("fire_at") WHERE fire_at is not null;--> statement-breakpoint
CREATE INDEX "deployments_external" ON "deployments" USING btree ("environment_id","external_id") WHERE external_id is not null;--> statement-breakpoint
CREATE INDEX "lanes_blocked" ON "lanes" USING btree ("blocked_by") WHERE blocked_by is not null;--> statement-breakpoint
CREATE INDEX "runs_pending" ON "runs" USING btree ("environment_id","id") WHERE lane_id is null;--> statement-breakpoint
CREATE INDEX "wait_points_tokens" ON "wait_points" USING btree ("environment_id","id") WHERE kind = 'token';--> statement-breakpoint
CREATE INDEX "wait_points_batch" ON "wait_points" USING btree ("batch_id") WHERE batch_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "lanes_key" ON "lanes" USING btree ("queue_id","concurrency_key","limits_key");--> statement-breakpoint
CREATE INDEX "lanes_open" ON "lanes" USING btree ("environment_id","turn_at") WHERE has_work and not paused and blocked_by is null and (running_max is null or running < running_max);--> statement-breakpoint
ALTER TABLE "queues" ADD CONSTRAINT "queues_policy" CHECK ("queues"."policy" in ('queue', 'skip', 'replace'));--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_lane" CHECK ("runs"."lane_id" is not null or "runs"."state" in ('pending_version', 'canceled'));--> statement-breakpoint
update environment_slots set concurrency_limit = running_max;
--> statement-breakpoint
alter table limit_slots set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
--> statement-breakpoint
alter table batches set (fillfactor = 70);
