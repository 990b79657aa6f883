import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDiskBlobs } from "@longshore/edge-api/platform/blobs-disk";
import {
  assembleBundle,
  requireBundlePart,
  storeBundlePart,
} from "@longshore/edge-api/services/bundle-parts";
import { sweep } from "@longshore/edge-api/services/sweep";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { seed, type TestDatabase, testDrivers } from "./fixture.ts";

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const hourMs = 3_600_000;

describe.each(testDrivers)("parts of bundles on $name", ({ open }) => {
  let t: TestDatabase;
  let folder: string;
  beforeAll(async () => {
    t = await open();
    folder = await mkdtemp(join(tmpdir(), "longshore-parts-"));
  }, 60_000);
  afterAll(async () => {
    await t?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const place = async (assembleBytesMax?: number) => {
    const { environmentId } = await seed(t, { tasks: [{ id: "a" }], agents: 0 });
    const base = { ...depsOf(t.db), blobs: createDiskBlobs(folder) };
    const later: Promise<unknown>[] = [];
    const settings = { ...base.settings, ...(assembleBytesMax === undefined ? {} : { assembleBytesMax }) };
    const deps = { ...base, settings, later: (work: Promise<unknown>) => void later.push(work) };
    const principal = { kind: "key" as const, environmentId, scopes: null };
    const put = async (size: number) => {
      const bytes = new Uint8Array(randomBytes(size));
      const hash = hashOf(bytes);
      await storeBundlePart(deps, principal, hash, bytes);
      return { hash, bytes };
    };
    const has = (hash: string) =>
      requireBundlePart(deps, principal, hash).then(
        () => true,
        () => false,
      );
    const files = () => readdir(join(folder, "bundle-parts", environmentId)).catch(() => []);
    const rows = () => t.query("select hash from bundle_parts where environment_id = $1", [environmentId]);
    const assemble = (parts: { hash: string; bytes: Uint8Array }[]) => {
      const whole = hashOf(Buffer.concat(parts.map(({ bytes }) => bytes)));
      return assembleBundle(deps, principal, whole, { parts: parts.map(({ hash }) => hash) });
    };
    return { deps, put, has, files, rows, assemble, settle: () => Promise.all(later) };
  };

  test("those that nobody goes on with for a day are removed, a few in each sweep", async () => {
    const p = await place();
    for (let nth = 0; nth < 45; nth++) await p.put(10);
    await t.advance(20 * hourMs);
    const kept = await p.put(10);
    const [asked] = (await p.files()).filter((hash) => hash !== kept.hash);
    expect(await p.has(asked ?? "")).toBe(true); // an upload that goes on asks first
    await sweep(p.deps);
    expect(await p.files()).toHaveLength(46);
    await t.advance(5 * hourMs);
    await sweep(p.deps);
    expect(await p.files()).toHaveLength(6);
    await sweep(p.deps);
    expect((await p.files()).sort()).toEqual([asked, kept.hash].sort());
    expect(await p.rows()).toHaveLength(2);
  });

  test("a bundle is made of parts of different sizes, and leaves none of them", async () => {
    const p = await place();
    const parts = [await p.put(1_000), await p.put(1_000), await p.put(3_000), await p.put(7)];
    const { sizeBytes } = await p.assemble(parts);
    expect(sizeBytes).toBe(5_007);
    await p.settle();
    expect(await p.files()).toEqual([]);
    expect(await p.rows()).toEqual([]);
  });

  test("one that this API cannot hold is refused by its size, and its parts stay", async () => {
    const p = await place(2_500);
    const parts = [await p.put(1_000), await p.put(1_000), await p.put(1_000)];
    await expect(p.assemble(parts)).rejects.toMatchObject({
      code: "payload_too_large",
      message: "An archive that is uploaded in parts has at most 2500 bytes here.",
    });
    expect(await p.files()).toHaveLength(3);
    expect((await p.assemble(parts.slice(0, 2))).sizeBytes).toBe(2_000);
    await p.settle();
    expect(await p.files()).toEqual([parts[2]?.hash]);
  });
});
