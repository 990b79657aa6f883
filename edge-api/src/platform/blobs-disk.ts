import { createReadStream } from "node:fs";
import { mkdir, open, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import type { BlobStore } from "../services/deps.ts";

/** Blobs as files under a folder. A file appears whole or not at all. */
export const createDiskBlobs = (root: string): BlobStore => ({
  put: async (key, bytes) => {
    const path = join(root, key);
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${crypto.randomUUID()}.part`;
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  },
  get: async (key) => {
    const path = join(root, key);
    const isThere = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
    return isThere ? (Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>) : null;
  },
});
