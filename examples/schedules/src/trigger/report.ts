import { logger, schedules, task } from "@longshore/sdk";

/** Runs by the clock of a city, whatever the season; each deployment brings its schedule along. */
export const nightlyReport = schedules.task({
  id: "nightly-report",
  cron: { pattern: "30 2 * * *", timezone: "Europe/Berlin" },
  run: async (payload) => {
    logger.info("Reporting", { timestamp: payload.timestamp, lastTimestamp: payload.lastTimestamp });
    return { for: payload.timestamp.toISOString(), next: payload.upcoming[0]?.toISOString() ?? null };
  },
});

/** One schedule for each customer, made while the code runs: the same key changes it instead of making another. */
export const remind = task({
  id: "remind",
  run: async (payload: { customer: string; cron: string; timezone: string }) => {
    const made = await schedules.create({
      task: nightlyReport.id,
      cron: payload.cron,
      timezone: payload.timezone,
      externalId: payload.customer,
      deduplicationKey: `remind-${payload.customer}`,
    });
    return { id: made.id, nextRun: made.nextRun?.toISOString() ?? null };
  },
});
