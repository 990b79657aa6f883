import { spawnSync } from "node:child_process";
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NewFact, Outbox } from "../ports/outbox.ts";
import { openOutbox as open } from "./outbox.ts";

const at = "2026-11-01T00:00:00.000Z";
const everything = { factsMax: 1_000, bytesMax: 1e9 };
const started = (runId: string): NewFact => ({ kind: "started", runId, epoch: 1, at });
const said = (runId: string, message: string, seq = 1): NewFact => ({
  kind: "log",
  runId,
  epoch: 1,
  at,
  lines: [{ seq, at, attempt: 1, level: "log", stream: "stdout", message }],
});

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-outbox-"));
  path = join(folder, "outbox.log");
});
const opened: Outbox[] = [];
const openOutbox = async (file: string, bytesMax?: number): Promise<Outbox> => {
  const outbox = await open(file, bytesMax);
  opened.push(outbox);
  return outbox;
};
afterEach(async () => {
  for (const outbox of opened.splice(0)) await outbox.close();
  await rm(folder, { recursive: true, force: true });
});

test("facts survive without being closed, in order, and what was acknowledged is gone", async () => {
  const first = await openOutbox(path);
  await Promise.all([first.append(started("a")), first.append(said("a", "x")), first.append(started("b"))]);
  first.ack([1]);
  await first.flush();
  const second = await openOutbox(path);
  expect(second.batch(everything).map((fact) => [fact.seq, fact.kind])).toEqual([
    [2, "log"],
    [3, "started"],
  ]);
  expect(second.unreported()).toEqual([{ runId: "b", epoch: 1 }]);
});

test("a torn last record is dropped and the rest is kept", async () => {
  const first = await openOutbox(path);
  await first.append(started("a"));
  await first.append(started("b"));
  await first.close();
  await truncate(path, (await stat(path)).size - 5);
  const second = await openOutbox(path);
  expect(second.batch(everything).map((fact) => fact.runId)).toEqual(["a"]);
  await second.append(started("c"));
  await second.close();
  await appendFile(path, 'deadbeef {"k":"fact"}\n');
  const third = await openOutbox(path);
  expect(third.batch(everything).map((fact) => fact.runId)).toEqual(["a", "c"]);
});

test("a damaged record is put aside, and every whole one before and after it is delivered", async () => {
  const first = await openOutbox(path);
  for (const run of ["a", "b", "c", "d"]) await first.append(started(run), { key: `${run}-1`, frame: 1 });
  await first.close();
  const bytes = await readFile(path);
  bytes[bytes.indexOf('"b"') + 1] = 0xff; // a flipped bit
  // A power cut in the middle of "c": its end and the end of its line never reached the disk.
  const c = bytes.indexOf('"c"');
  await writeFile(
    path,
    Buffer.concat([bytes.subarray(0, c + 3), bytes.subarray(bytes.indexOf("\n", c) + 1)]),
  );
  const said: unknown[] = [];
  const say = (message: string, data: unknown) => said.push([message, data]);
  const second = await open(path, undefined, { info: say, warn: say, error: say });
  opened.push(second);
  expect(second.batch(everything).map((fact) => fact.runId)).toEqual(["a", "d"]);
  expect([second.mark("a-1"), second.mark("b-1"), second.mark("d-1")]).toEqual([
    { seq: 1, final: false },
    null,
    { seq: 1, final: false },
  ]);
  expect(said).toEqual([[expect.stringContaining("damaged"), { records: 2, aside: `${path}.damaged` }]]);
  expect(await readFile(`${path}.damaged`, "utf8")).toContain('"c"');
  // It is whole again.
  await second.close();
  expect((await openOutbox(path)).batch(everything)).toHaveLength(2);
});

/** A file system of its own, so small that it can be filled; null where we may not mount one. */
const smallDisk = async (): Promise<string | null> => {
  const disk = join(folder, "disk");
  await mkdir(disk);
  const made = spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]);
  return made.status === 0 ? disk : null;
};
const canMount = process.platform === "linux" && process.getuid?.() === 0;

test.skipIf(!canMount)(
  "on a full disk facts are told from memory, and written once there is room",
  async () => {
    const disk = await smallDisk();
    if (disk === null) throw new Error("no file system can be mounted here");
    try {
      const file = join(disk, "outbox.log");
      const outbox = await openOutbox(file);
      await outbox.append(started("a"));
      await writeFile(join(disk, "ballast"), Buffer.alloc(1024 * 1024)).catch(() => {});
      let isSafe = false;
      const told = new Promise<string>((resolve) => outbox.onReady(resolve));
      const safe = outbox.append(said("b", "x".repeat(8_000)), { key: "b-1", frame: 1 }).then(() => {
        isSafe = true;
      });
      expect(await told).toBe("log");
      await outbox.flush();
      expect(outbox.trouble()).toContain("ENOSPC");
      void outbox.append(started("c"));
      expect(outbox.batch(everything).map((fact) => fact.runId)).toEqual(["a", "b", "c"]);
      outbox.ack([1]);
      expect(isSafe).toBe(false); // its runner keeps it
      await rm(join(disk, "ballast"));
      await safe;
      expect(outbox.trouble()).toBeNull();
      await outbox.append(started("d"));
      await outbox.close();
      const again = await openOutbox(file);
      expect(again.batch(everything).map((fact) => fact.runId)).toEqual(["b", "c", "d"]);
      expect(again.mark("b-1")).toEqual({ seq: 1, final: false });
      await again.close();
    } finally {
      spawnSync("umount", [disk]);
    }
  },
);

test.skipIf(!canMount)("an outbox in trouble can be closed", async () => {
  const disk = await smallDisk();
  if (disk === null) throw new Error("no file system can be mounted here");
  try {
    const outbox = await openOutbox(join(disk, "outbox.log"));
    await writeFile(join(disk, "ballast"), Buffer.alloc(1024 * 1024)).catch(() => {});
    void outbox.append(said("a", "x".repeat(8_000)));
    await outbox.close();
    expect(outbox.trouble()).toContain("ENOSPC");
  } finally {
    spawnSync("umount", [disk]);
  }
});

test("seq grows across restarts even when nothing was left", async () => {
  const first = await openOutbox(path);
  await first.append(started("a"));
  first.ack([1]);
  await first.close();
  const second = await openOutbox(path);
  await second.append(started("b"));
  expect(second.batch(everything)[0]?.seq).toBe(2);
  await second.close();
});

test("marks tell how far a runner was heard, also after the facts are gone", async () => {
  const first = await openOutbox(path);
  await first.append(started("a"), { key: "a-1", frame: 1 });
  await first.append({ kind: "canceled", runId: "a", epoch: 1, at, executedMs: 1 }, { key: "a-1", frame: 2 });
  first.ack([1, 2]);
  await first.close();
  const second = await openOutbox(path);
  expect(second.mark("a-1")).toEqual({ seq: 2, final: true });
  second.forget("a-1");
  await second.close();
  expect((await openOutbox(path)).mark("a-1")).toBeNull();
});

test("a full outbox drops the oldest log lines, says how many, and never a state fact", async () => {
  const outbox = await openOutbox(path, 20_000);
  const filler = "x".repeat(500);
  await outbox.append(started("a"));
  for (let i = 0; i < 100; i++) await outbox.append(said("a", `${i} ${filler}`, i + 1));
  await outbox.append({ kind: "canceled", runId: "a", epoch: 1, at, executedMs: 1 });
  const facts = outbox.batch(everything);
  expect(facts[0]?.kind).toBe("started");
  expect(facts.at(-1)?.kind).toBe("canceled");
  expect(outbox.size().bytes).toBeLessThan(22_000);
  const lines = facts.flatMap((fact) => (fact.kind === "log" ? fact.lines : []));
  const dropped = lines.reduce((sum, line) => sum + (Number(line.attributes?.droppedCount) || 0), 0);
  const kept = lines.filter((line) => line.stream === "stdout").length;
  expect(dropped + kept).toBe(100);
  expect(lines[0]?.message).toMatch(/log lines were dropped/);
});

test("however long nobody listens, the file keeps within its bound, and every state fact stays in it", async () => {
  const bytesMax = 1024 * 1024;
  const outbox = await openOutbox(path, bytesMax);
  let sizeMax = 0;
  // Five minutes of a chatty host, with a bound to match: twelve times what may be kept.
  for (let i = 0; i < 300; i++) {
    const lines = Array.from({ length: 4 }, (_, n) =>
      outbox.append(said("a", "x".repeat(10_000), 4 * i + n + 1)),
    );
    await Promise.all([outbox.append(started(`r${i}`)), ...lines]);
    sizeMax = Math.max(sizeMax, (await stat(path)).size);
  }
  expect(sizeMax).toBeLessThan(3 * bytesMax + 1024 * 1024);
  expect(outbox.size().bytes).toBeLessThan(1.1 * bytesMax);
  await outbox.close();
  const again = await openOutbox(path, bytesMax);
  const states = again.batch(everything).filter(({ kind }) => kind === "started");
  expect(states.map(({ runId }) => runId)).toEqual(Array.from({ length: 300 }, (_, i) => `r${i}`));
});

test("the file is rewritten once most of it is acknowledged", async () => {
  const outbox = await openOutbox(path);
  for (let i = 0; i < 40; i++) {
    await outbox.append(said("a", "y".repeat(60_000)));
    outbox.ack([i + 1]);
  }
  await outbox.flush();
  expect((await readFile(path)).length).toBeLessThan(1_200_000);
});

test("a batch respects its limits but always holds something", async () => {
  const outbox = await openOutbox(path);
  for (let i = 0; i < 10; i++) await outbox.append(said("a", "z".repeat(1_000)));
  expect(outbox.batch({ factsMax: 3, bytesMax: 1e9 })).toHaveLength(3);
  expect(outbox.batch({ factsMax: 10, bytesMax: 2_500 })).toHaveLength(2);
  expect(outbox.batch({ factsMax: 10, bytesMax: 1 })).toHaveLength(1);
});

test("what is struck out reaches the file by itself, too", async () => {
  const outbox = await openOutbox(path);
  await outbox.append(started("a"), { key: "a-1", frame: 1 });
  outbox.ack([1]);
  outbox.forget("a-1");
  const lines = async () => (await readFile(path, "utf8")).split("\n").map((line) => line.slice(9));
  await expect.poll(lines).toContain('{"k":"ack","seqs":[1]}');
  expect(await lines()).toContain('{"k":"forget","key":"a-1"}');
});

test("what is struck out goes with the next fact, before it", async () => {
  const outbox = await openOutbox(path);
  await outbox.append(started("a"));
  outbox.ack([1]);
  await outbox.append(started("b"));
  const kinds = (await readFile(path, "utf8")).match(/"k":"\w+"/g);
  expect(kinds).toEqual(['"k":"seq"', '"k":"fact"', '"k":"ack"', '"k":"fact"']);
});

test("a closed outbox writes no more, whatever was struck out as it closed: the file may be another's", async () => {
  for (let turns = 0; turns < 8; turns++) {
    const first = await open(path);
    const told = first.append(started(`a${turns}`), { key: "a-1", frame: 1 }).then(async () => {
      for (let turn = 0; turn < turns; turn++) await null;
      first.forget("a-1");
    });
    await Promise.all([told, first.close()]);
    const second = await open(path);
    await second.append(started(`b${turns}`));
    await new Promise((resolve) => setTimeout(resolve, 700)); // longer than a late record, and than a disk is tried again
    await second.close();
    const third = await open(path);
    expect(third.batch(everything).map((fact) => fact.runId)).toContain(`b${turns}`);
    await third.close();
  }
});
