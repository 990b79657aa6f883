import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StartError } from "../ports/container-runtime.ts";
import { makeBundle } from "../testing/make-bundle.ts";
import { createBundleStore } from "./bundles.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "longshore-bundles-"));
});
afterEach(() => {
  vi.useRealTimers();
  return rm(root, { recursive: true, force: true });
});

const kib = 1024;
const never = new AbortController().signal;

/** A store of at most `bytesMax`, and an API that counts what is fetched from it. */
const begin = async (bytesMax: number, contents: Record<string, string>) => {
  const archives = new Map<string, Buffer>();
  const hashes: Record<string, string> = {};
  for (const [name, content] of Object.entries(contents)) {
    const archive = await makeBundle({ "lib/part.mjs": content, "tasks.mjs": name });
    const hash = createHash("sha256").update(archive).digest("hex");
    hashes[name] = hash;
    archives.set(hash, archive);
  }
  const fetched: string[] = [];
  const fetchBundle = async (hash: string) => {
    fetched.push(hash);
    return { kind: "ok" as const, value: archives.get(hash) as Buffer };
  };
  const dir = join(root, "store");
  const store = createBundleStore(dir, { fetchBundle }, bytesMax);
  let count = 0;
  const place = async (name: string): Promise<string> => {
    const folder = await mkdtemp(join(root, `box-${count++}-`));
    await store.place(hashes[name] as string, folder, never);
    return folder;
  };
  const prefetch = (name: string) => store.prefetch(hashes[name] as string, never);
  return { dir, fetched, hashes, place, prefetch };
};

test("files are linked, whole folders of them, and fetched once", async () => {
  const { dir, fetched, hashes, place } = await begin(1_000 * kib, { a: "part of a" });
  const [one, two] = await Promise.all([place("a"), place("a")]);
  expect(fetched).toHaveLength(1);
  for (const folder of [one, two]) {
    expect((await readdir(folder)).sort()).toEqual(["lib", "tasks.mjs"]);
    expect(await readFile(join(folder, "lib/part.mjs"), "utf8")).toBe("part of a");
  }
  const stored = await stat(join(dir, hashes.a as string, "lib/part.mjs"));
  expect((await stat(join(one, "lib/part.mjs"))).ino).toBe(stored.ino);
});

test("what is fetched ahead is there for the run that comes", async () => {
  const { fetched, place, prefetch } = await begin(1_000 * kib, { a: "part of a" });
  await Promise.all([prefetch("a"), prefetch("a")]);
  expect(fetched).toHaveLength(1);
  expect(await readFile(join(await place("a"), "lib/part.mjs"), "utf8")).toBe("part of a");
  expect(fetched).toHaveLength(1);
});

test("beyond the quota what was not used for longest goes, and who has it keeps it", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() }); // all of it within one millisecond
  const part = "x".repeat(100 * kib);
  const { dir, fetched, hashes, place } = await begin(250 * kib, {
    a: `a${part}`,
    b: `b${part}`,
    c: `c${part}`,
  });
  await place("a");
  const inB = await place("b");
  await place("a"); // now b is the one that was not used for longest
  await place("c");
  expect((await readdir(dir)).sort()).toEqual([hashes.a, hashes.c].sort());
  expect((await readFile(join(inB, "lib/part.mjs"), "utf8")).length).toBe(100 * kib + 1);
  await place("b");
  expect(fetched.filter((hash) => hash === hashes.b)).toHaveLength(2);
});

test("a bundle larger than the quota is still placed", async () => {
  const { place } = await begin(1, { a: "more than a byte" });
  expect(await readFile(join(await place("a"), "tasks.mjs"), "utf8")).toBe("a");
});

test("the layers that a bundle's manifest names lie beside its code, and are shared with the next version", async () => {
  const archives = new Map<string, Buffer>();
  const fetched: string[] = [];
  const add = async (files: Record<string, string>): Promise<string> => {
    const archive = await makeBundle(files);
    const hash = createHash("sha256").update(archive).digest("hex");
    archives.set(hash, archive);
    return hash;
  };
  const layer = await add({ "node_modules/a/index.js": "module.exports = 1;" });
  const codeOf = (text: string) =>
    add({ "index.mjs": text, "manifest.json": JSON.stringify({ layers: [{ hash: layer, sizeBytes: 1 }] }) });
  const fetchBundle = async (hash: string) => {
    fetched.push(hash);
    return { kind: "ok" as const, value: archives.get(hash) as Buffer };
  };
  const store = createBundleStore(join(root, "store"), { fetchBundle }, 1_000 * kib);
  for (const text of ["first", "second"]) {
    const folder = await mkdtemp(join(root, "box-"));
    await store.place(await codeOf(text), folder, never);
    expect(await readFile(join(folder, "index.mjs"), "utf8")).toBe(text);
    expect(await readFile(join(folder, "node_modules/a/index.js"), "utf8")).toBe("module.exports = 1;");
  }
  expect(fetched.filter((hash) => hash === layer)).toHaveLength(1);
});

test("a manifest that nobody can read stops the start with a reason", async () => {
  const archive = await makeBundle({ "index.mjs": "1", "manifest.json": "{" });
  const hash = createHash("sha256").update(archive).digest("hex");
  const fetchBundle = async () => ({ kind: "ok" as const, value: archive });
  const store = createBundleStore(join(root, "store"), { fetchBundle }, 1_000 * kib);
  await expect(store.place(hash, await mkdtemp(join(root, "box-")), never)).rejects.toThrow("manifest");
});

const storeOf = (archive: Buffer, dir: string) => {
  const hash = createHash("sha256").update(archive).digest("hex");
  const fetchBundle = async () => ({ kind: "ok" as const, value: archive });
  const store = createBundleStore(dir, { fetchBundle }, 1_000 * kib);
  return {
    hash,
    place: async () => store.place(hash, await mkdtemp(join(root, "box-")), never),
    failure: async () => {
      const error = await store.prefetch(hash, never).catch((thrown: unknown) => thrown);
      if (!(error instanceof StartError)) throw new Error(`not a StartError: ${error}`);
      return { message: error.message, retryable: error.retryable };
    },
  };
};

test("an archive that nobody could unpack is final", async () => {
  const dir = join(root, "store");
  expect(await storeOf(Buffer.from("no archive"), dir).failure()).toMatchObject({ retryable: false });
  const long = await makeBundle({ [`${"x".repeat(300)}.mjs`]: "1" });
  expect(await storeOf(long, dir).failure()).toMatchObject({
    message: expect.stringContaining("cannot be unpacked: ENAMETOOLONG"),
    retryable: false,
  });
});

const canMount = process.platform === "linux" && process.getuid?.() === 0;

test.skipIf(!canMount)(
  "a full disk is this host's trouble alone, and leaves nothing half written",
  async () => {
    const dir = join(root, "disk");
    await mkdir(dir);
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", dir]).status).toBe(0);
    try {
      const { failure, place, hash } = storeOf(await makeBundle({ "tasks.mjs": "x".repeat(180 * kib) }), dir);
      await writeFile(join(dir, "ballast"), Buffer.alloc(200 * kib));
      expect(await failure()).toEqual({
        message: expect.stringMatching(/cannot be written on this host: ENOSPC/),
        retryable: true,
      });
      expect(await readdir(dir)).toEqual(["ballast"]);
      await rm(join(dir, "ballast"));
      await place();
      expect(await readdir(dir)).toEqual([hash]);
    } finally {
      spawnSync("umount", [dir]);
    }
  },
);
