import { createHash } from "node:crypto";
import {
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { BundleHash } from "@longshore/shared/contract/deployments";
import { BundleLayer } from "@longshore/shared/contract/manifest";
import { extract } from "tar-stream";
import { z } from "zod";
import type { BundleStore } from "../ports/bundle-store.ts";
import { StartError } from "../ports/container-runtime.ts";
import type { ControlPlane } from "../ports/control-plane.ts";

/** Most that an archive may unpack to. Units: bytes. */
const unpackedBytesMax = 1024 * 1024 * 1024;

const gunzipAsync = promisify(gunzip);

type Entry = { path: string; content: Buffer; executable: boolean };

/** Where an entry belongs inside the bundle. Errors: throws for a path that leads out of it. */
const safePath = (name: string): string => {
  const path = normalize(name).replace(/\/+$/, "");
  if (path.startsWith("/") || path === ".." || path.startsWith("../") || path.includes("\0")) {
    throw new Error(`the archive holds a path that leads out of it: ${name}`);
  }
  return path;
};

const readArchive = async (archive: Uint8Array): Promise<Entry[]> => {
  const tar = await gunzipAsync(archive, { maxOutputLength: unpackedBytesMax });
  const entries: Entry[] = [];
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const { name, type, mode } = entry.header;
    const path = safePath(name);
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    if (type === "directory") continue;
    if (type !== "file") throw new Error(`the archive holds a ${type}, which bundles may not: ${name}`);
    entries.push({ path, content: Buffer.concat(parts), executable: ((mode ?? 0) & 0o111) !== 0 });
  }
  return entries;
};

const write = async (entries: readonly Entry[], into: string): Promise<void> => {
  const folders = new Set(entries.map((entry) => dirname(join(into, entry.path))));
  await mkdir(into, { recursive: true, mode: 0o755 });
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o755 });
  // The container's user is another one: it must be able to read what this process writes.
  await Promise.all(
    entries.map((entry) =>
      writeFile(join(into, entry.path), entry.content, { mode: entry.executable ? 0o755 : 0o644 }),
    ),
  );
};

/** What a file system says of names that no host could write: the archive's fault. */
const codesOfNames = new Set(["ENAMETOOLONG", "ENOTDIR", "EISDIR", "EEXIST", "EINVAL", "EILSEQ"]);

/** Why an archive is not on disk. What this host cannot write (full, read-only, too many files) another one can. */
const unpackError = (error: unknown, isRead: boolean): StartError => {
  const why = error instanceof Error ? error.message : String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (isRead && !codesOfNames.has(code ?? "")) {
    return new StartError(`The code of this version cannot be written on this host: ${why}.`, true, {
      cause: error,
    });
  }
  return new StartError(`The code of this version cannot be unpacked: ${why}.`, false, { cause: error });
};

/** Links every file of a folder into another, or copies it where it cannot be linked (another file system). */
const linkFiles = async (from: string, to: string): Promise<void> => {
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) {
        await mkdir(target, { recursive: true, mode: 0o755 });
        return linkFiles(source, target);
      }
      await link(source, target).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") return copyFile(source, target);
      });
    }),
  );
};

const Layered = z.object({ layers: z.array(BundleLayer).optional() });

/**
 * The layers of an unpacked bundle, as its own manifest names them: what is signed is the bundle's hash, and so these.
 * Errors: `StartError` when the manifest cannot be read.
 */
const layersOf = async (folder: string): Promise<string[]> => {
  const text = await readFile(join(folder, "manifest.json"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new StartError(`The code of this version cannot be read on this host: ${error.message}.`, true, {
      cause: error,
    });
  });
  if (text === null) return [];
  try {
    return (Layered.parse(JSON.parse(text)).layers ?? []).map((layer) => layer.hash);
  } catch (error) {
    throw new StartError("The manifest in the code of this version cannot be read.", false, { cause: error });
  }
};

/** What the files of a folder take. Units: bytes. */
const sizeOf = async (folder: string): Promise<number> => {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async (file) => (await stat(join(file.parentPath, file.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};

/**
 * Unpacked bundles under `dir`, named by their hash; together at most `bytesMax` on disk, as far as none is being used.
 *
 * I1  A folder `<dir>/<hash>` is complete: it appears by one rename, after the archive's hash was checked.
 * I2  A bundle is fetched once however many runs ask for it together.
 * I3  When there is too much, what was not used for longest goes; a folder's time is that of its last use. One that is
 *     being placed stays. Containers that have it already keep their links: nothing is taken from them.
 */
export const createBundleStore = (
  dir: string,
  controlPlane: Pick<ControlPlane, "fetchBundle">,
  bytesMax: number,
): BundleStore => {
  const underWay = new Map<string, Promise<string>>();
  const inUse = new Map<string, number>();
  let lastUseMs = 0;

  /** I3 */
  const evict = async (): Promise<void> => {
    const names = (await readdir(dir)).filter((name) => BundleHash.safeParse(name).success);
    const found = await Promise.all(
      names.map(async (name) => {
        const folder = join(dir, name);
        return { name, folder, usedMs: (await stat(folder)).mtimeMs, bytes: await sizeOf(folder) };
      }),
    );
    let bytes = found.reduce((sum, one) => sum + one.bytes, 0);
    for (const one of found.sort((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= bytesMax) return;
      if (inUse.has(one.name)) continue;
      // Renamed first: what is there under its hash is always whole.
      await rename(one.folder, `${one.folder}.old`);
      await rm(`${one.folder}.old`, { recursive: true, force: true });
      bytes -= one.bytes;
    }
  };
  const use = async <T>(hash: string, work: () => Promise<T>): Promise<T> => {
    inUse.set(hash, (inUse.get(hash) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (inUse.get(hash) ?? 1) - 1;
      if (left > 0) inUse.set(hash, left);
      else inUse.delete(hash);
    }
  };

  const fetchInto = async (hash: string, folder: string, signal: AbortSignal): Promise<string> => {
    const fetched = await controlPlane.fetchBundle(hash, signal);
    if (fetched.kind === "rejected") {
      const gone = fetched.status === 404;
      const why = gone ? "the API does not have it" : fetched.reason;
      throw new StartError(`The code of this version cannot be fetched: ${why}.`, !gone);
    }
    if (fetched.kind !== "ok") {
      const why = fetched.kind === "cut" ? "the agent is stopping" : fetched.reason;
      throw new StartError(`The code of this version cannot be fetched: ${why}.`, true);
    }
    const found = createHash("sha256").update(fetched.value).digest("hex");
    if (found !== hash) {
      throw new StartError("The code of this version arrived damaged: its hash is another.", true);
    }
    const fresh = `${folder}.${process.pid}.new`;
    let isRead = false;
    try {
      const entries = await readArchive(fetched.value);
      isRead = true;
      await write(entries, fresh);
      await rename(fresh, folder); // I1
      await evict().catch(() => {}); // a cache that cannot be cleared now is cleared at the next fetch
    } catch (error) {
      await rm(fresh, { recursive: true, force: true }).catch(() => {}); // the reason is the first error
      throw unpackError(error, isRead);
    }
    return folder;
  };

  const find = async (hash: string, signal: AbortSignal): Promise<string> => {
    if (!BundleHash.safeParse(hash).success) {
      throw new StartError("The code of this version has no valid hash.", false);
    }
    const folder = join(dir, hash);
    const present = await stat(folder).catch(() => null);
    if (present?.isDirectory()) return folder;
    const running = underWay.get(hash);
    if (running) return running; // I2
    const made = fetchInto(hash, folder, signal).finally(() => underWay.delete(hash));
    underWay.set(hash, made);
    return made;
  };

  /** The same as if a run had come for it: what is new is not the first to go. */
  const touch = async (hash: string, signal: AbortSignal): Promise<string> => {
    const found = await find(hash, signal);
    // Two uses in one millisecond would be of one age, and the older of them not the first to go.
    lastUseMs = Math.max(Date.now(), lastUseMs + 1);
    await utimes(found, lastUseMs / 1000, lastUseMs / 1000);
    return found;
  };

  const placeOne = (hash: string, folder: string, signal: AbortSignal): Promise<string> =>
    use(hash, async () => {
      const found = await touch(hash, signal);
      await linkFiles(found, folder);
      return found;
    });

  return {
    async place(hash, folder, signal) {
      const found = await placeOne(hash, folder, signal);
      for (const layer of await layersOf(found)) await placeOne(layer, folder, signal);
    },
    async prefetch(hash, signal) {
      const found = await use(hash, () => touch(hash, signal));
      for (const layer of await layersOf(found)) await use(layer, () => touch(layer, signal));
    },
  };
};
