CREATE TABLE "bundle_parts" (
	"environment_id" text NOT NULL,
	"hash" text NOT NULL,
	"touched_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "bundle_parts_environment_id_hash_pk" PRIMARY KEY("environment_id","hash")
);
--> statement-breakpoint
CREATE INDEX "bundle_parts_touched" ON "bundle_parts" USING btree ("touched_at");