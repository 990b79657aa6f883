CREATE TABLE "lane_places" (
	"pool_id" text NOT NULL,
	"place" text NOT NULL,
	"label" text NOT NULL,
	"labels" jsonb NOT NULL,
	CONSTRAINT "lane_places_pool_id_label_place_pk" PRIMARY KEY("pool_id","label","place")
);
--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "labels" jsonb;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "labels" jsonb;