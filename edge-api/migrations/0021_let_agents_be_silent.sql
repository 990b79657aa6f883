ALTER TABLE "agents" ADD COLUMN "lease_ms" integer;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "leases_until" timestamp with time zone;