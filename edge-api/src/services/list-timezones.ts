import { timezones } from "../domain/cron.ts";

/** `GET /api/v1/timezones`. */
export const listTimezones = (query: { excludeUtc?: string | undefined }): { timezones: string[] } => ({
  timezones: timezones().filter((name) => name !== "UTC" || query.excludeUtc !== "true"),
});
