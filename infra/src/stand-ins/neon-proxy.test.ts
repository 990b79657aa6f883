import { Client, NeonDbError, neon, neonConfig } from "@neondatabase/serverless";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { createDatabase } from "../services/create-database.ts";
import { needs } from "../testing/need.ts";
import { type NeonProxy, startNeonProxy } from "./neon-proxy.ts";

const server = needs("postgres");

describe.skipIf(!server)("the Neon stand-in, driven by Neon's client", () => {
  let proxy: NeonProxy;
  let sql: ReturnType<typeof neon<false, true>>;

  beforeAll(async () => {
    proxy = await startNeonProxy({ databaseUrl: await createDatabase(server ?? "", "neon proxy") });
    neonConfig.fetchEndpoint = `${proxy.url}/sql`;
    neonConfig.wsProxy = (host, port) => `${proxy.url.slice("http://".length)}/v2?address=${host}:${port}`;
    neonConfig.useSecureWebSocket = false;
    neonConfig.pipelineTLS = false;
    neonConfig.pipelineConnect = false;
    neonConfig.webSocketConstructor = WebSocket;
    sql = neon(proxy.connectionString, { fullResults: true });
    await sql`create table things (id int8 primary key, name text unique, body text)`;
  });
  afterAll(() => proxy?.close());

  test("values come back with the types Neon's client gives them", async () => {
    const { rows, fields, command, rowCount } = await sql`
      select ${{ a: [1, null, "é"] }}::jsonb as data, ${["x", "a,b", null]}::text[] as tags, ${null}::text as nothing,
        9007199254740993::int8 as big, 7::int4 as small, true as yes, '\\x00ff'::bytea as bytes,
        array[1,2]::int4[] as numbers, '2026-01-02T03:04:05Z'::timestamptz as at`;
    expect(rows).toEqual([
      {
        data: { a: [1, null, "é"] },
        tags: ["x", "a,b", null],
        nothing: null,
        big: "9007199254740993",
        small: 7,
        yes: true,
        bytes: Buffer.from([0, 255]),
        numbers: [1, 2],
        at: new Date("2026-01-02T03:04:05Z"),
      },
    ]);
    expect({ command, rowCount }).toEqual({ command: "SELECT", rowCount: 1 });
    expect(fields.map(({ name }) => name).slice(0, 2)).toEqual(["data", "tags"]);
  });

  test("an error carries Postgres's code, detail and constraint", async () => {
    await sql`insert into things (id, name) values (1, 'one')`;
    const error = await sql`insert into things (id, name) values (2, 'one')`.catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(NeonDbError);
    expect(error).toMatchObject({
      code: "23505",
      constraint: "things_name_key",
      table: "things",
      detail: "Key (name)=(one) already exists.",
    });
  });

  test("a batch runs in one transaction with the isolation it asks for", async () => {
    const results = await sql.transaction(
      [
        sql`show transaction_isolation`,
        sql`show transaction_read_only`,
        sql`select count(*)::int as n from things`,
      ],
      { isolationLevel: "Serializable", readOnly: true },
    );
    expect(results.map(({ rows }) => Object.values(rows[0] ?? {})[0])).toEqual([
      "serializable",
      "on",
      expect.any(Number),
    ]);
  });

  test("a batch with a failing statement leaves nothing behind", async () => {
    const batch = sql.transaction([sql`insert into things (id) values (100)`, sql`select 1/0`]);
    await expect(batch).rejects.toMatchObject({ code: "22012" });
    expect((await sql`select * from things where id = 100`).rows).toEqual([]);
  });

  test("session state does not survive a request", async () => {
    await sql`set application_name = 'leaked'`;
    for (let i = 0; i < 3; i += 1)
      expect((await sql`show application_name`).rows[0]).not.toEqual({ application_name: "leaked" });
  });

  test("two statements in one query are refused", async () => {
    await expect(sql.query("select 1; select 2")).rejects.toMatchObject({ code: "42601" });
  });

  test("a wrong password is Postgres's own refusal", async () => {
    const url = new URL(proxy.connectionString);
    url.password = "wrong";
    await expect(neon(url.href)`select 1`).rejects.toMatchObject({ code: "28P01" });
  });

  test("many requests at once share the pool", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => sql`select ${i}::int as i`));
    expect(answers.map(({ rows }) => rows[0]?.i)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test("the WebSocket relay carries an interactive transaction and notifications", async () => {
    const client = new Client(proxy.connectionString);
    await client.connect();
    const heard = new Promise((resolve) => client.on("notification", ({ payload }) => resolve(payload)));
    await client.query("listen wake");
    await client.query("begin");
    await client.query("insert into things (id, body) values ($1, $2)", [200, "x".repeat(300_000)]);
    await client.query("select pg_notify('wake', 'hello')");
    await client.query("commit");
    expect(await heard).toBe("hello");
    const { rows } = await client.query("select length(body) as n from things where id = 200");
    expect(rows).toEqual([{ n: 300_000 }]);
    await client.end();
  });

  test("the relay reaches no other address", async () => {
    const socket = new WebSocket(`${proxy.url.replace("http", "ws")}/v2?address=127.0.0.1:22`);
    const error = await new Promise((resolve) => socket.once("error", resolve));
    expect(String(error)).toContain("403");
  });
});
