import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deploy, FakeAgent, trigger } from "./client.ts";
import { databaseServer, redisServer, startNodePlatform } from "./platforms.ts";

const agentCount = 20;

/** Every statement of the API ends a transaction; those of the observer are on a connection to another database. */
describe.skipIf(databaseServer === undefined || redisServer === undefined)("idle agents on Node", () => {
  let p: Awaited<ReturnType<typeof startNodePlatform>>;
  let observer: pg.Client;
  let agents: FakeAgent[];
  beforeAll(async () => {
    p = await startNodePlatform({ redisUrl: redisServer ?? "" });
    await deploy(p, [{ id: "hello" }]);
    observer = new pg.Client({ connectionString: databaseServer });
    await observer.connect();
    agents = await Promise.all(Array.from({ length: agentCount }, () => FakeAgent.enrol(p)));
  }, 60_000);
  afterAll(async () => {
    await observer?.end();
    await p?.close();
  });

  /** When each connection of the API last began a statement: unchanged means that none ran. */
  const lastStatements = async () => {
    const name = new URL(p.databaseUrl).pathname.slice(1);
    const text = `select pid, query_start::text as at from pg_stat_activity
      where datname = $1 and backend_type = 'client backend' and query not like '%advisory%' order by pid`;
    return (await observer.query(text, [name])).rows;
  };

  test("twenty of them, polling again and again with their cursors, cost no statement", async () => {
    for (let round = 0; round < 2; round++) await Promise.all(agents.map((agent) => agent.poll(1, 0)));
    const before = await lastStatements();
    expect(before.length).toBeGreaterThan(0);
    for (let round = 0; round < 5; round++) await Promise.all(agents.map((agent) => agent.poll(1, 50)));
    expect(await lastStatements()).toEqual(before);
  });

  test("and one of them takes a run as soon as it is triggered", async () => {
    const parked = agents.map((agent) => agent.poll(1, 2_000));
    const id = await trigger(p, "hello");
    const leases = (await Promise.all(parked)).flatMap((response) => response.leases);
    expect(leases).toMatchObject([{ runId: id }]);
  });
});
