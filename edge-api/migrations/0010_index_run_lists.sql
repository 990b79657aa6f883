CREATE TABLE "run_tags" (
	"environment_id" text NOT NULL,
	"tag" text NOT NULL,
	"run_id" text NOT NULL,
	CONSTRAINT "run_tags_environment_id_tag_run_id_pk" PRIMARY KEY("environment_id","tag","run_id")
);
--> statement-breakpoint
DROP INDEX "runs_task";--> statement-breakpoint
CREATE INDEX "runs_task_state" ON "runs" USING btree ("environment_id","task_slug","state","id");--> statement-breakpoint
CREATE INDEX "runs_queue_state" ON "runs" USING btree ("queue_id","state","id") WHERE queue_id is not null;--> statement-breakpoint
CREATE INDEX "runs_state_machine" ON "runs" USING btree ("environment_id","state","machine","is_test","id");--> statement-breakpoint
CREATE INDEX "runs_deployment" ON "runs" USING btree ("deployment_id","id") WHERE deployment_id is not null;--> statement-breakpoint
CREATE INDEX "runs_region" ON "runs" USING btree ("environment_id","region","id") WHERE region is not null;--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "outcome";--> statement-breakpoint
insert into run_tags (environment_id, tag, run_id)
select distinct r.environment_id, t.tag, r.id from runs r cross join lateral unnest(r.tags) as t(tag);
