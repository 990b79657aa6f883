import { randomUUID } from "node:crypto";
import { Schedule, ScheduleList, TimezoneList } from "@longshore/shared/contract/schedules";
import { describe, expect, test } from "vitest";
import { call, deploy, expectError, manifestOf } from "../client.ts";
import type { Platform } from "../platforms.ts";

const common = [{ id: "hello" }, { id: "other" }, { id: "folder/task" }];

/** Schedules: a caller's own and those that code declares. */
export const scheduleCases = (platform: () => Platform) =>
  describe("schedules", () => {
    const api = (method: string, path: string, json?: object, token = platform().apiKey) =>
      call(platform(), method, `/api/v1/schedules${path}`, {
        token,
        ...(json === undefined ? {} : { json }),
      });
    const ok = async (method: string, path: string, json?: object) => {
      const answer = await api(method, path, json);
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return Schedule.parse(answer.json);
    };
    const all = async () => ScheduleList.parse((await api("GET", "?perPage=100")).json).data;
    const body = (over: object = {}) => ({
      task: "hello",
      cron: "0 5 * * *",
      deduplicationKey: randomUUID(),
      ...over,
    });

    test("200 create, retrieve, update, switch off and on, delete", async () => {
      const key = randomUUID();
      const made = await ok(
        "POST",
        "",
        body({ deduplicationKey: key, externalId: "u1", timezone: "Asia/Tokyo" }),
      );
      expect(made).toMatchObject({
        ...{ type: "IMPERATIVE", task: "hello", active: true, deduplicationKey: key, externalId: "u1" },
        generator: { type: "CRON", expression: "0 5 * * *", description: "At 05:00, every day" },
        ...{ timezone: "Asia/Tokyo", environments: [{ id: platform().environmentId, type: "DEVELOPMENT" }] },
      });
      expect(made.nextRun).toMatch(/T20:00:00.000Z$/);
      expect(made.nextRunEffectiveAt).toBe(made.nextRun);
      expect(await ok("GET", `/${made.id}`)).toEqual(made);
      const updated = await ok("PUT", `/${made.id}`, { task: "other", cron: "30 * * * *", window: "30%" });
      expect(updated).toMatchObject({
        id: made.id,
        task: "other",
        timezone: "UTC",
        window: "30%",
        deduplicationKey: key,
      });
      expect(updated.externalId).toBeUndefined();
      const off = await ok("POST", `/${made.id}/deactivate`);
      expect([off.active, off.nextRun]).toEqual([false, undefined]);
      const on = await ok("POST", `/${made.id}/activate`);
      expect([on.active, on.nextRun]).toEqual([true, updated.nextRun]);
      expect((await api("DELETE", `/${made.id}`)).json).toEqual({ id: made.id });
      expectError(await api("GET", `/${made.id}`), 404, "not_found");
      expectError(await api("DELETE", `/${made.id}`), 404, "not_found");
    });

    test("200 the same key changes the schedule, also when many send it at once", async () => {
      const same = body();
      const made = await Promise.all(Array.from({ length: 8 }, () => ok("POST", "", same)));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      const changed = await ok("POST", "", { ...same, cron: "1 1 * * *" });
      expect(changed).toMatchObject({ id: made[0]?.id, generator: { expression: "1 1 * * *" } });
      await api("DELETE", `/${changed.id}`);
    });

    test("200 lists by pages", async () => {
      const made = [await ok("POST", "", body()), await ok("POST", "", body()), await ok("POST", "", body())];
      const page = ScheduleList.parse((await api("GET", "?page=2&perPage=1")).json);
      expect(page.data).toHaveLength(1);
      expect(page.pagination).toMatchObject({ currentPage: 2, totalPages: page.pagination.count });
      for (const { id } of made) await api("DELETE", `/${id}`);
    });

    test("declared schedules follow the promoted code, also back to an older version", async () => {
      const declared = (cron: string) => [
        ...common,
        { id: "nightly", schedule: { cron, timezone: "Europe/Berlin", environments: ["DEVELOPMENT"] } },
        { id: "elsewhere", schedule: { cron, environments: ["PRODUCTION"] } },
      ];
      const ours = async () => (await all()).filter(({ type }) => type === "DECLARATIVE");
      const first = await deploy(platform(), declared("0 3 * * *"));
      const [made, ...rest] = await ours();
      expect(rest).toEqual([]);
      expect(made).toMatchObject({ task: "nightly", active: true, timezone: "Europe/Berlin" });
      expect(made?.deduplicationKey).toBeUndefined();
      expectError(await api("PUT", `/${made?.id}`, { task: "hello", cron: "* * * * *" }), 422);
      expectError(await api("DELETE", `/${made?.id}`), 422);
      await deploy(platform(), declared("0 4 * * *"));
      expect(await ours()).toMatchObject([{ id: made?.id, generator: { expression: "0 4 * * *" } }]);
      await api("POST", `/${made?.id}/deactivate`);
      await call(platform(), "POST", `/api/v1/deployments/${first.id}/promote`, { token: platform().apiKey });
      expect(await ours()).toMatchObject([
        { id: made?.id, active: false, generator: { expression: "0 3 * * *" } },
      ]);
      await deploy(platform(), common);
      expect(await ours()).toEqual([]);
    });

    test.each([
      [{ cron: "* * * * * *" }, "cron"],
      [{ cron: "@hourly" }, "cron"],
      [{ cron: "61 * * * *" }, "cron"],
      [{ cron: "0 0 31 2 *" }, "cron"],
      [{ timezone: "Mars/Base" }, "timezone"],
      [{ timezone: "+02:00" }, "timezone"],
      [{ window: "25h" }, "window"],
      [{ window: "1d" }, "window"],
      [{ task: "none" }, "task"],
      [{ deduplicationKey: "@declared/hello" }, "deduplicationKey"],
    ])("422 for %j, naming %s", async (over, field) => {
      const before = (await all()).length;
      expect(expectError(await api("POST", "", body(over)), 422).error).toContain(field);
      expect(await all()).toHaveLength(before);
    });

    test.each([
      { cron: undefined },
      { cron: 5 },
      { deduplicationKey: "" },
      { task: "" },
      { timezone: "x".repeat(65) },
    ])("400 for %j", async (over) => {
      const [field] = Object.keys(over);
      expect(expectError(await api("POST", "", body(over)), 400).error).toContain(field);
    });

    test("422 for a deployment that declares an impossible schedule", async () => {
      const manifest = manifestOf([{ id: "a", schedule: { cron: "* * *" } }]);
      const json = { bundleHash: "5".repeat(64), manifest };
      const answer = await call(platform(), "POST", "/api/v1/deployments", {
        token: platform().apiKey,
        json,
      });
      expect(expectError(answer, 422).error).toContain("schedule.cron");
    });

    test("404 for another environment's schedule", async () => {
      const { id } = await ok("POST", "", body());
      const other = platform().otherKey;
      expectError(await api("GET", `/${id}`, undefined, other), 404, "not_found");
      expectError(await api("PUT", `/${id}`, { task: "hello", cron: "* * * * *" }, other), 404, "not_found");
      for (const verb of ["activate", "deactivate"])
        expectError(await api("POST", `/${id}/${verb}`, undefined, other), 404);
      expectError(await api("DELETE", `/${id}`, undefined, other), 404);
      await api("DELETE", `/${id}`);
    });

    test("time zones are listed for everyone, with UTC unless it is left out", async () => {
      const list = async (query: string) =>
        TimezoneList.parse((await call(platform(), "GET", `/api/v1/timezones${query}`)).json).timezones;
      const zones = await list("");
      expect(zones).toEqual(expect.arrayContaining(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]));
      expect(await list("?excludeUtc=true")).toEqual(zones.filter((name) => name !== "UTC"));
    });
  });
