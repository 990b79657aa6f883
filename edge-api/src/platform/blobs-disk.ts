import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import type { BlobStore } from "../services/deps.ts";

const writeWhole = async (path: string, bytes: Uint8Array | string): Promise<void> => {
  const temporary = `${path}.${crypto.randomUUID()}.part`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
};

/** Blobs as files under a folder, each with its type in a file beside it. A file appears whole or not at all. */
export const createDiskBlobs = (root: string): BlobStore => ({
  put: async (key, bytes, contentType) => {
    const path = join(root, key);
    await mkdir(dirname(path), { recursive: true });
    if (contentType !== undefined) await writeWhole(`${path}.type`, contentType);
    await writeWhole(path, bytes);
  },
  get: async (key) => {
    const path = join(root, key);
    const found = await stat(path).catch(() => null);
    if (found === null || !found.isFile()) return null;
    const contentType = await readFile(`${path}.type`, "utf8").catch(() => null);
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    return { body, size: found.size, contentType };
  },
  remove: async (key) => {
    await rm(join(root, key), { force: true });
    await rm(`${join(root, key)}.type`, { force: true });
  },
});
