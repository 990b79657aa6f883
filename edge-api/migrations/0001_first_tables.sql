CREATE TABLE "agents" (
	"id" text PRIMARY KEY NOT NULL,
	"pool_id" text NOT NULL,
	"name" text NOT NULL,
	"public_key" text NOT NULL,
	"version" text DEFAULT '' NOT NULL,
	"runtime" text DEFAULT '' NOT NULL,
	"labels" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"slots" integer DEFAULT 0 NOT NULL,
	"boot_id" text DEFAULT '' NOT NULL,
	"draining" boolean DEFAULT false NOT NULL,
	"beat_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"enrolled_at" timestamp with time zone DEFAULT app_now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"name" text NOT NULL,
	"key_hash" text NOT NULL,
	"hint" text NOT NULL,
	"scopes" text[],
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "api_keys_key_hash_unique" UNIQUE("key_hash")
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"run_id" text NOT NULL,
	"number" integer NOT NULL,
	"status" text NOT NULL,
	"agent_id" text,
	"deployment_id" text,
	"leased_at" timestamp with time zone NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"executed_ms" double precision,
	"error" jsonb,
	CONSTRAINT "attempts_run_id_number_pk" PRIMARY KEY("run_id","number"),
	CONSTRAINT "attempts_status" CHECK ("attempts"."status" in ('executing', 'completed', 'failed', 'canceled', 'lost'))
);
--> statement-breakpoint
CREATE TABLE "bundles" (
	"project_id" text NOT NULL,
	"hash" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "bundles_project_id_hash_pk" PRIMARY KEY("project_id","hash")
);
--> statement-breakpoint
CREATE TABLE "deployments" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"version" text NOT NULL,
	"short_code" text NOT NULL,
	"status" text NOT NULL,
	"bundle_hash" text NOT NULL,
	"manifest" jsonb NOT NULL,
	"external_id" text,
	"deployed_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "deployments_status" CHECK ("deployments"."status" in ('PENDING', 'DEPLOYED', 'FAILED'))
);
--> statement-breakpoint
CREATE TABLE "enrol_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"pool_id" text NOT NULL,
	"uses_left" integer DEFAULT 1 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "environment_slots" (
	"environment_id" text PRIMARY KEY NOT NULL,
	"pool_id" text NOT NULL,
	"running" integer DEFAULT 0 NOT NULL,
	"running_max" integer NOT NULL,
	"paused" boolean DEFAULT false NOT NULL,
	"turn_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "environment_slots_running" CHECK ("environment_slots"."running" >= 0)
);
--> statement-breakpoint
CREATE TABLE "environments" (
	"id" text PRIMARY KEY NOT NULL,
	"project_id" text NOT NULL,
	"pool_id" text NOT NULL,
	"slug" text NOT NULL,
	"type" text NOT NULL,
	"parent_environment_id" text,
	"branch_name" text,
	"current_deployment_id" text,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "environments_type" CHECK ("environments"."type" in ('development', 'staging', 'production', 'preview'))
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"environment_id" text NOT NULL,
	"task_slug" text NOT NULL,
	"key" text NOT NULL,
	"run_id" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_environment_id_task_slug_key_pk" PRIMARY KEY("environment_id","task_slug","key")
);
--> statement-breakpoint
CREATE TABLE "lanes" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"queue_id" text NOT NULL,
	"concurrency_key" text DEFAULT '' NOT NULL,
	"running" integer DEFAULT 0 NOT NULL,
	"running_max" integer,
	"paused" boolean DEFAULT false NOT NULL,
	"has_work" boolean DEFAULT false NOT NULL,
	"turn_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "lanes_running" CHECK ("lanes"."running" >= 0)
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"run_id" text PRIMARY KEY NOT NULL,
	"agent_id" text NOT NULL,
	"epoch" integer NOT NULL,
	"environment_id" text NOT NULL,
	"lane_id" text NOT NULL,
	"phase" text NOT NULL,
	"is_continuation" boolean DEFAULT false NOT NULL,
	"acked" boolean DEFAULT false NOT NULL,
	"cancel_requested" boolean DEFAULT false NOT NULL,
	"leased_at" timestamp with time zone NOT NULL,
	CONSTRAINT "leases_phase" CHECK ("leases"."phase" in ('leased', 'executing'))
);
--> statement-breakpoint
CREATE TABLE "members" (
	"organization_id" text NOT NULL,
	"user_id" text NOT NULL,
	"role" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "members_organization_id_user_id_pk" PRIMARY KEY("organization_id","user_id"),
	CONSTRAINT "members_role" CHECK ("members"."role" in ('owner', 'admin', 'developer', 'viewer'))
);
--> statement-breakpoint
CREATE TABLE "organizations" (
	"id" text PRIMARY KEY NOT NULL,
	"slug" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "organizations_slug_unique" UNIQUE("slug")
);
--> statement-breakpoint
CREATE TABLE "pools" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "projects" (
	"id" text PRIMARY KEY NOT NULL,
	"organization_id" text NOT NULL,
	"ref" text NOT NULL,
	"slug" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "projects_ref_unique" UNIQUE("ref")
);
--> statement-breakpoint
CREATE TABLE "queue_entries" (
	"run_id" text PRIMARY KEY NOT NULL,
	"lane_id" text NOT NULL,
	"environment_id" text NOT NULL,
	"position_at" timestamp with time zone NOT NULL,
	"agent_id" text
);
--> statement-breakpoint
CREATE TABLE "queues" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"concurrency_limit" integer,
	"paused" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "queues_type" CHECK ("queues"."type" in ('task', 'custom'))
);
--> statement-breakpoint
CREATE TABLE "run_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "run_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"run_id" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"from_state" text,
	"to_state" text,
	"attempt" integer,
	"agent_id" text,
	"message" text
);
--> statement-breakpoint
CREATE TABLE "run_logs" (
	"run_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"seq" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"level" text NOT NULL,
	"stream" text NOT NULL,
	"message" text NOT NULL,
	"attributes" jsonb,
	CONSTRAINT "run_logs_run_id_attempt_seq_pk" PRIMARY KEY("run_id","attempt","seq")
);
--> statement-breakpoint
CREATE TABLE "run_waits" (
	"run_id" text NOT NULL,
	"wait_point_id" text NOT NULL,
	"is_active" boolean DEFAULT false NOT NULL,
	"taken_epoch" integer,
	"position" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "run_waits_run_id_wait_point_id_pk" PRIMARY KEY("run_id","wait_point_id")
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"task_slug" text NOT NULL,
	"state" text NOT NULL,
	"lease_epoch" integer DEFAULT 0 NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"release_count" integer DEFAULT 0 NOT NULL,
	"waits_open" integer DEFAULT 0 NOT NULL,
	"deployment_id" text,
	"queue_id" text NOT NULL,
	"lane_id" text NOT NULL,
	"home_agent_id" text,
	"waiting_agent_id" text,
	"payload" text,
	"payload_type" text NOT NULL,
	"output" text,
	"output_type" text,
	"error" jsonb,
	"retry" jsonb NOT NULL,
	"machine" text NOT NULL,
	"max_duration_s" double precision,
	"ttl_ms" bigint,
	"priority" double precision DEFAULT 0 NOT NULL,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"metadata" jsonb,
	"is_test" boolean DEFAULT false NOT NULL,
	"idempotency_key" text,
	"trigger_function" text DEFAULT 'trigger' NOT NULL,
	"parent_run_id" text,
	"root_run_id" text,
	"batch_id" text,
	"depth" integer DEFAULT 0 NOT NULL,
	"executed_ms" double precision DEFAULT 0 NOT NULL,
	"reason" text,
	"cancel_requested_at" timestamp with time zone,
	"due_at" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	"queued_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "runs_state" CHECK ("runs"."state" in ('pending_version', 'delayed', 'queued', 'leased', 'executing', 'waiting', 'completed', 'failed', 'canceled', 'crashed', 'system_failure', 'expired', 'timed_out')),
	CONSTRAINT "runs_due_while_delayed" CHECK (("runs"."state" = 'delayed') = ("runs"."due_at" is not null)),
	CONSTRAINT "runs_expiry_while_queued" CHECK ("runs"."expires_at" is null or "runs"."state" = 'queued'),
	CONSTRAINT "runs_waits_while_waiting" CHECK ("runs"."waits_open" = 0 or "runs"."state" = 'waiting'),
	CONSTRAINT "runs_finished" CHECK (("runs"."finished_at" is not null) = ("runs"."state" in ('completed', 'failed', 'canceled', 'crashed', 'system_failure', 'expired', 'timed_out'))),
	CONSTRAINT "runs_attempt_before_work" CHECK ("runs"."attempt" > 0 or "runs"."state" not in ('executing', 'waiting', 'completed'))
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sign_in_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"deployment_id" text NOT NULL,
	"slug" text NOT NULL,
	"environment_id" text NOT NULL,
	"file_path" text NOT NULL,
	"export_name" text,
	"description" text,
	"queue_name" text NOT NULL,
	"retry" jsonb NOT NULL,
	"machine" text NOT NULL,
	"max_duration_s" double precision,
	"ttl_ms" bigint,
	"payload_schema" jsonb,
	CONSTRAINT "tasks_deployment_id_slug_pk" PRIMARY KEY("deployment_id","slug")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" text PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"name" text,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "wait_points" (
	"id" text PRIMARY KEY NOT NULL,
	"environment_id" text NOT NULL,
	"kind" text NOT NULL,
	"status" text NOT NULL,
	"due_at" timestamp with time zone,
	"child_run_id" text,
	"output" text,
	"output_type" text,
	"error" jsonb,
	"idempotency_key" text,
	"idempotency_expires_at" timestamp with time zone,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	"completed_at" timestamp with time zone,
	CONSTRAINT "wait_points_kind" CHECK ("wait_points"."kind" in ('time', 'run', 'token', 'batch')),
	CONSTRAINT "wait_points_status" CHECK ("wait_points"."status" in ('pending', 'completed')),
	CONSTRAINT "wait_points_due_while_pending" CHECK ("wait_points"."due_at" is null or "wait_points"."status" = 'pending')
);
--> statement-breakpoint
ALTER TABLE "agents" ADD CONSTRAINT "agents_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bundles" ADD CONSTRAINT "bundles_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deployments" ADD CONSTRAINT "deployments_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enrol_tokens" ADD CONSTRAINT "enrol_tokens_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "environments" ADD CONSTRAINT "environments_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "environments" ADD CONSTRAINT "environments_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pools" ADD CONSTRAINT "pools_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "projects" ADD CONSTRAINT "projects_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "queues" ADD CONSTRAINT "queues_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sign_in_tokens" ADD CONSTRAINT "sign_in_tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_deployment_id_deployments_id_fk" FOREIGN KEY ("deployment_id") REFERENCES "public"."deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agents_pool" ON "agents" USING btree ("pool_id");--> statement-breakpoint
CREATE UNIQUE INDEX "deployments_version" ON "deployments" USING btree ("environment_id","version");--> statement-breakpoint
CREATE INDEX "environment_slots_pool" ON "environment_slots" USING btree ("pool_id");--> statement-breakpoint
CREATE UNIQUE INDEX "environments_slug" ON "environments" USING btree ("project_id","slug",coalesce("branch_name", ''));--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry" ON "idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "lanes_key" ON "lanes" USING btree ("queue_id","concurrency_key");--> statement-breakpoint
CREATE INDEX "lanes_open" ON "lanes" USING btree ("environment_id","turn_at") WHERE has_work and not paused and (running_max is null or running < running_max);--> statement-breakpoint
CREATE INDEX "lanes_idle" ON "lanes" USING btree ("turn_at") WHERE not has_work;--> statement-breakpoint
CREATE INDEX "leases_agent" ON "leases" USING btree ("agent_id");--> statement-breakpoint
CREATE INDEX "leases_unstarted" ON "leases" USING btree ("leased_at") WHERE phase = 'leased';--> statement-breakpoint
CREATE INDEX "queue_entries_lane" ON "queue_entries" USING btree ("lane_id","position_at","run_id") WHERE agent_id is null;--> statement-breakpoint
CREATE INDEX "queue_entries_agent" ON "queue_entries" USING btree ("agent_id","position_at") WHERE agent_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "queues_name" ON "queues" USING btree ("environment_id","name");--> statement-breakpoint
CREATE INDEX "run_events_run" ON "run_events" USING btree ("run_id","id");--> statement-breakpoint
CREATE INDEX "run_waits_point" ON "run_waits" USING btree ("wait_point_id");--> statement-breakpoint
CREATE INDEX "runs_environment" ON "runs" USING btree ("environment_id","id");--> statement-breakpoint
CREATE INDEX "runs_task" ON "runs" USING btree ("environment_id","task_slug","id");--> statement-breakpoint
CREATE INDEX "runs_due" ON "runs" USING btree ("due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "runs_expiring" ON "runs" USING btree ("expires_at") WHERE expires_at is not null;--> statement-breakpoint
CREATE INDEX "runs_waiting_agent" ON "runs" USING btree ("waiting_agent_id") WHERE waiting_agent_id is not null;--> statement-breakpoint
CREATE INDEX "runs_parent" ON "runs" USING btree ("parent_run_id") WHERE parent_run_id is not null;--> statement-breakpoint
CREATE INDEX "wait_points_due" ON "wait_points" USING btree ("due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "wait_points_child" ON "wait_points" USING btree ("child_run_id") WHERE child_run_id is not null;