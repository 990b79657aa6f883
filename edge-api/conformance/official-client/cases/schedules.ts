import { randomUUID } from "node:crypto";
import { schedules } from "official-trigger-sdk";
import { expect } from "vitest";
import { collect, type Scene } from "../scene.ts";

const hourMs = 3_600_000;

/** How far the zone's clocks are ahead of UTC at a time. Units: milliseconds. */
const offsetsOf = (zone: string): ((atMs: number) => number) => {
  const format = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
    ...{ hour: "numeric", minute: "numeric", second: "numeric" },
  });
  return (atMs) => {
    const parts = format.formatToParts(new Date(atMs));
    const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
    const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
    return local - Math.floor(atMs / 1_000) * 1_000;
  };
};

/** The next instant at which the zone's clocks jump in this direction. */
const nextJump = (offsetMs: (atMs: number) => number, direction: "forward" | "back"): number => {
  const jumps = (fromMs: number, toMs: number) => {
    const step = offsetMs(toMs) - offsetMs(fromMs);
    return direction === "forward" ? step > 0 : step < 0;
  };
  // From the day after tomorrow: a jump within the hour would have passed when its schedule is made.
  let from = Math.ceil(Date.now() / hourMs) * hourMs + 24 * hourMs;
  for (let days = 0; !jumps(from, from + 24 * hourMs); days++, from += 24 * hourMs)
    if (days > 400) throw new Error(`the clocks do not jump ${direction}`);
  while (!jumps(from, from + hourMs / 2)) from += hourMs / 2;
  return from + hourMs / 2;
};

/** A cron that names one minute of one day, by the wall clock that shows `localMs`. */
const cronOf = (localMs: number): string => {
  const at = new Date(localMs);
  return `${at.getUTCMinutes()} ${at.getUTCHours()} ${at.getUTCDate()} ${at.getUTCMonth() + 1} *`;
};

/** Section 4.5. */
export const scheduleCases = ({ prove, platform }: Scene): void => {
  prove(
    [
      "schedules.create",
      "schedules.retrieve",
      "schedules.update",
      "schedules.deactivate",
      "schedules.activate",
      "schedules.list",
      "schedules.del",
    ],
    "a schedule is made, changed, switched off and on, listed and deleted",
    async () => {
      const deduplicationKey = randomUUID();
      const options = { task: "hello", cron: "0 5 * * 1", deduplicationKey, externalId: "user_1" };
      const made = await schedules.create({ ...options, timezone: "Asia/Tokyo", window: "30m" });
      expect(made).toMatchObject({
        ...{ type: "IMPERATIVE", task: "hello", active: true, deduplicationKey, externalId: "user_1" },
        ...{ timezone: "Asia/Tokyo", window: "30m", generator: { type: "CRON", expression: "0 5 * * 1" } },
        environments: [{ id: platform().environmentId }],
      });
      expect(made.nextRun?.getUTCHours()).toBe(20);
      expect((await schedules.create(options)).id).toBe(made.id);
      const updated = await schedules.update(made.id, { task: "other", cron: "30 * * * *" });
      expect(updated).toMatchObject({ id: made.id, task: "other" });
      expect(await schedules.retrieve(made.id)).toEqual(updated);
      expect((await schedules.deactivate(made.id)).active).toBe(false);
      expect((await schedules.activate(made.id)).active).toBe(true);
      const listed = await collect(schedules.list({ perPage: 1 }));
      expect(listed.map(({ id }) => id)).toContain(made.id);
      expect(await schedules.del(made.id)).toEqual({ id: made.id });
      const gone = schedules.retrieve(made.id, { retry: { maxAttempts: 1 } });
      await expect(gone).rejects.toMatchObject({ status: 404 });
      const bad = schedules.create({ task: "hello", cron: "61 * * * *", deduplicationKey });
      await expect(bad).rejects.toMatchObject({ status: 422 });
    },
  );

  prove(["schedules.create"], "days on which the clocks jump, in three zones", async () => {
    for (const zone of ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]) {
      const offsetMs = offsetsOf(zone);
      const tick = async (cron: string) => {
        const wish = { task: "hello", cron, timezone: zone, deduplicationKey: randomUUID() };
        const { id, nextRun } = await schedules.create(wish);
        await schedules.del(id);
        return nextRun?.getTime();
      };
      const forward = nextJump(offsetMs, "forward");
      // 15 minutes into the gap by the old clock: a time that this day does not have.
      const skipped = forward + offsetMs(forward - 1) + 15 * 60_000;
      expect([zone, await tick(cronOf(skipped))]).toEqual([zone, forward]);
      const back = nextJump(offsetMs, "back");
      // 15 minutes before the jump: a time that this day has twice; the first is taken.
      const twice = back + offsetMs(back - 1) - 15 * 60_000;
      expect([zone, await tick(cronOf(twice))]).toEqual([zone, back - 15 * 60_000]);
    }
  });

  prove(["schedules.timezones"], "names what a schedule may name", async () => {
    const { timezones } = await schedules.timezones();
    expect(timezones).toEqual(expect.arrayContaining(["UTC", "Europe/London"]));
    expect((await schedules.timezones({ excludeUtc: true })).timezones).not.toContain("UTC");
  });
};
