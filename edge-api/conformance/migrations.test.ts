import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TRANSITIONS } from "@longshore/edge-api/domain/transitions";
import { MigrationError, migratePgPool } from "@longshore/edge-api/platform/migrate";
import { runStates } from "@longshore/shared/contract/run-status";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDatabase } from "../../infra/src/services/create-database.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;
const room = fileURLToPath(new URL("..", import.meta.url));
const journal = "migrations/meta/_journal.json";

test("schema.ts says nothing that no migration does", async () => {
  // drizzle-kit wants relative paths: the copy lives in the room.
  const folder = await mkdtemp(join(room, "migrations-copy-"));
  try {
    await cp(join(room, "migrations"), folder, { recursive: true });
    const before = await readdir(folder);
    const args = [
      "generate",
      "--dialect=postgresql",
      "--schema=./src/db/schema/*.ts",
      `--out=./${folder.slice(room.length)}`,
    ];
    await promisify(execFile)(join(room, "node_modules/.bin/drizzle-kit"), args, { cwd: room });
    expect(await readdir(folder)).toEqual(before);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("the CHECK of a run's state knows the states that moves enter and leave", async () => {
  const sql = await readFile(join(room, "migrations/0001_first_tables.sql"), "utf8");
  const check = /CONSTRAINT "runs_state" CHECK \("runs"."state" in \(([^)]*)\)\)/.exec(sql)?.[1] ?? "";
  const checked = [...check.matchAll(/'(\w+)'/g)].map(([, state]) => state ?? "");
  expect(checked).toEqual([...runStates]);
  const moved = new Set(Object.values(TRANSITIONS).flatMap(({ from, to }) => [...from, ...to] as string[]));
  expect([...moved].sort()).toEqual([...checked].sort());
});

describe.skipIf(serverUrl === undefined)("migrations on Postgres", () => {
  let pool: pg.Pool;
  let folder: string;
  beforeEach(async () => {
    pool = new pg.Pool({ connectionString: await createDatabase(serverUrl ?? "", "migrate"), max: 4 });
    folder = await mkdtemp(join(tmpdir(), "longshore-migrations-"));
    await cp(join(room, "migrations"), folder, { recursive: true });
  });
  afterEach(async () => {
    await pool.end();
    await rm(folder, { recursive: true, force: true });
  });

  const tables = async () =>
    (
      await pool.query(
        "select table_name from information_schema.tables where table_schema = 'public' order by 1",
      )
    ).rows;
  const append = async (name: string, sql: string) => {
    const path = join(folder, journal.slice("migrations/".length));
    const written = JSON.parse(await readFile(path, "utf8"));
    const last = written.entries.at(-1);
    written.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1, tag: name });
    await writeFile(path, JSON.stringify(written));
    await writeFile(join(folder, `${name}.sql`), sql);
  };

  test("one that fails leaves the database as it was, and says what to do", async () => {
    await migratePgPool(pool);
    const before = await tables();
    await append("9998_fine", "create table fine (id int);");
    await append("9999_broken", "create table half (id int);\n--> statement-breakpoint\nselect 1 / 0;");
    const failing = migratePgPool(pool, folder);
    await expect(failing).rejects.toThrow(MigrationError);
    await expect(failing).rejects.toThrow(/nothing was changed: division by zero\. Mend what it names/);
    expect(await tables()).toEqual(before);
    await migratePgPool(pool);
  });

  test("0012 rewrites the runs once, and leaves room on their pages", async () => {
    const path = join(folder, journal.slice("migrations/".length));
    const all = await readFile(path, "utf8");
    const { entries, ...rest } = JSON.parse(all);
    await writeFile(path, JSON.stringify({ ...rest, entries: entries.slice(0, 12) }));
    await migratePgPool(pool, folder);
    await pool.query(`create table rewrites (of oid);
      create function note_rewrite() returns event_trigger language plpgsql as
        $$ begin insert into rewrites values (pg_event_trigger_table_rewrite_oid()); end $$;
      create event trigger note_rewrite on table_rewrite execute function note_rewrite();`);
    const client = await pool.connect();
    // A run's places are of no interest here.
    await client.query("set session_replication_role = replica");
    await client.query(`insert into runs (id, environment_id, task_slug, state, queue_id, lane_id, payload_type, retry, machine)
      select 'run_' || n, 'env', 'task', 'queued', 'queue', 'lane', 'application/json', '{}', 'small-1x'
      from generate_series(1, 2000) as n`);
    await client.query("reset session_replication_role");
    client.release();
    await writeFile(path, all);
    await migratePgPool(pool, folder);
    const rewrites = await pool.query("select from rewrites where of = 'runs'::regclass");
    expect(rewrites.rowCount).toBe(1);
    const size = async () => (await pool.query("select pg_relation_size('runs') as bytes")).rows;
    const before = await size();
    await pool.query("vacuum full runs");
    expect(before).toEqual(await size());
  });

  test("two migrators at once both end well, and each migration is applied once", async () => {
    await Promise.all([migratePgPool(pool), migratePgPool(pool), migratePgPool(pool)]);
    const applied = await pool.query("select count(*)::int as n from drizzle.__drizzle_migrations");
    const { entries } = JSON.parse(await readFile(join(folder, "meta/_journal.json"), "utf8"));
    expect(applied.rows).toEqual([{ n: entries.length }]);
  });
});
