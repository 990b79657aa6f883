import { Deployment } from "@longshore/shared/contract/deployments";
import { ScheduleList } from "@longshore/shared/contract/schedules";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, deploy, expectError } from "./client.ts";
import { databaseServer, redisServer, startNodePlatform } from "./platforms.ts";

/** As a server with a later release of the IANA database leaves it behind: no request to this one can. */
const zone = "Mars/Olympus";

describe.skipIf(databaseServer === undefined || redisServer === undefined)("a zone that Node lacks", () => {
  let p: Awaited<ReturnType<typeof startNodePlatform>>;
  let db: pg.Client;
  beforeAll(async () => {
    p = await startNodePlatform({ redisUrl: redisServer ?? "" });
    db = new pg.Client({ connectionString: p.databaseUrl });
    await db.connect();
  }, 60_000);
  afterAll(async () => {
    await db?.end();
    await p?.close();
  });

  const api = (method: string, path: string, json?: object) =>
    call(p, method, path, { token: p.apiKey, ...(json === undefined ? {} : { json }) });
  const nightly = (cron: string, environments?: string[]) => [
    { id: "hello" },
    { id: "nightly", schedule: { cron, ...(environments === undefined ? {} : { environments }) } },
  ];
  const setZone = ({ id }: Deployment) =>
    db.query(
      `update deployments set manifest = jsonb_set(manifest, '{tasks,1,schedule,timezone}', to_jsonb($2::text))
       where id = $1`,
      [id, zone],
    );
  const state = async () => [
    (await api("GET", "/api/v1/deployments/current")).json,
    ScheduleList.parse((await api("GET", "/api/v1/schedules")).json).data,
    (await db.query("select * from queues order by id")).rows,
  ];

  test("422 for a promotion or rollback to a deployment that declares it, naming both; nothing is changed", async () => {
    const old = await deploy(p, nightly("0 3 * * *"));
    const current = await deploy(p, nightly("0 4 * * *"));
    await setZone(old);
    const before = await state();
    const answers = [
      await api("POST", `/api/v1/deployments/${old.id}/promote`),
      await api("POST", "/api/v1/deployments/rollback", { version: old.version }),
      await api("POST", "/api/v1/deployments/rollback", { from: current.version }),
    ];
    for (const answer of answers) {
      const { error } = expectError(answer, 422, "unprocessable");
      expect(error).toContain('Task "nightly"');
      expect(error).toContain(`schedule.timezone "${zone}"`);
    }
    expect(await state()).toEqual(before);
  });

  test("200 where that schedule is for another kind of environment", async () => {
    const elsewhere = await deploy(p, nightly("0 3 * * *", ["PRODUCTION"]));
    await deploy(p, nightly("0 4 * * *"));
    await setZone(elsewhere);
    const back = await api("POST", `/api/v1/deployments/${elsewhere.id}/promote`);
    expect(Deployment.parse(back.json)).toMatchObject({ id: elsewhere.id, isCurrent: true });
  });

  test("a schedule of a caller's own with it is listed, switched off, refused by name when switched on, and given another", async () => {
    await deploy(p, nightly("0 3 * * *"));
    const body = { task: "hello", cron: "0 5 * * *" };
    const made = await api("POST", "/api/v1/schedules", { ...body, deduplicationKey: "own" });
    const path = `/api/v1/schedules/${(made.json as { id: string }).id}`;
    await db.query("update schedules set timezone = $1 where deduplication_key = 'own'", [zone]);
    expect(ScheduleList.parse((await api("GET", "/api/v1/schedules")).json).data).toHaveLength(2);
    expect((await api("POST", `${path}/deactivate`)).json).toMatchObject({ active: false, timezone: zone });
    expect(expectError(await api("POST", `${path}/activate`), 422).error).toContain(zone);
    expect((await api("PUT", path, { ...body, timezone: "Asia/Tokyo" })).status).toBe(200);
    expect((await api("POST", `${path}/activate`)).json).toMatchObject({
      active: true,
      timezone: "Asia/Tokyo",
    });
  });
});
