import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ContainerRecord } from "../ports/container-records.ts";
import { createContainerRecords } from "./container-records.ts";

const record = (framesHeard: number, token = "t"): ContainerRecord => ({
  ...{ key: "box_1", token, generation: "g", machine: "small-1x", image: null, binding: null, framesHeard },
  run: null,
});

const place = async () => {
  const root = await mkdtemp(join(tmpdir(), "records-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const warned: unknown[] = [];
  const logger = { info: () => {}, warn: (...said: unknown[]) => void warned.push(said), error: () => {} };
  return {
    root,
    file: join(root, "box_1/container.json"),
    warned,
    open: () => createContainerRecords(root, logger),
  };
};

test("the latest record is the one that is read, however many were saved at once", async () => {
  const { open } = await place();
  const records = open();
  await Promise.all([1, 2, 3].map((nth) => records.save(record(nth))));
  expect(await open().list()).toEqual([record(3)]);
  await records.close();
  await records.save(record(4));
  expect(await open().list()).toEqual([record(4)]);
  await records.remove("box_1");
  expect(await open().list()).toEqual([]);
});

test("a record that was cut off leaves the one before it, and the next one is whole", async () => {
  const { file, open, warned } = await place();
  await open().save(record(1));
  await appendFile(file, '{"key":"box_1","tok');
  expect(await open().list()).toEqual([record(1)]);
  // Another process goes on.
  const next = open();
  await next.save(record(2));
  await next.save(record(3));
  expect(await next.list()).toEqual([record(3)]);
  expect(warned).toEqual([]);
});

test("a file that has grown long is begun anew", async () => {
  const { file, open } = await place();
  const records = open();
  const long = "x".repeat(100_000);
  for (let nth = 0; nth < 10; nth++) await records.save(record(nth, long));
  expect((await readFile(file, "utf8")).length).toBeLessThan(500_000);
  expect(await records.list()).toEqual([record(9, long)]);
});

/** Root may do anything: what a user may not is tried as one who is nobody here. */
const asOrdinaryUser = async (work: () => Promise<void>): Promise<void> => {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
};

test("a stray folder that cannot be removed is named, and the others go", async () => {
  const { root, open, warned } = await place();
  for (const name of ["box_a", "box_closed/b", "box_z"]) await mkdir(join(root, name), { recursive: true });
  await chmod(root, 0o777);
  await chmod(join(root, "box_closed"), 0o555);
  const forgotten: string[] = [];
  const marks = { keys: () => ["over"], forget: (key: string) => void forgotten.push(key) };
  await asOrdinaryUser(() => open().removeStrays(marks));
  await chmod(join(root, "box_closed"), 0o755);
  expect(await readdir(root)).toEqual(["box_closed"]);
  expect(warned).toEqual([
    [
      "a folder that no container uses cannot be removed",
      { folder: join(root, "box_closed"), why: expect.stringContaining("EACCES") },
    ],
  ]);
  expect(forgotten).toEqual(["over"]);
});
