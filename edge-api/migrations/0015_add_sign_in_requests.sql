CREATE TABLE "sign_in_requests" (
	"device_hash" text PRIMARY KEY NOT NULL,
	"user_code_hash" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"machine" text NOT NULL,
	"client" text NOT NULL,
	"user_id" text,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT app_now() NOT NULL,
	CONSTRAINT "sign_in_requests_user_code_hash_unique" UNIQUE("user_code_hash"),
	CONSTRAINT "sign_in_requests_status" CHECK ("sign_in_requests"."status" in ('pending', 'approved', 'refused', 'collected')),
	CONSTRAINT "sign_in_requests_decided" CHECK (("sign_in_requests"."status" = 'pending') = ("sign_in_requests"."user_id" is null))
);
--> statement-breakpoint
ALTER TABLE "environments" ADD COLUMN "archived_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "sign_in_requests" ADD CONSTRAINT "sign_in_requests_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "sign_in_requests_expiry" ON "sign_in_requests" USING btree ("expires_at");