import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import type { Archive } from "../bundle/archive.ts";

/** Unpacks archives into one new folder, as an agent does. */
export const unpackArchives = async (archives: readonly Archive[]): Promise<string> => {
  const dir = await mkdtemp(path.join(tmpdir(), "longshore-unpacked-"));
  for (const { bytes } of archives) {
    const reader = extract();
    reader.end(gunzipSync(bytes));
    for await (const entry of reader) {
      const file = path.join(dir, entry.header.name);
      await mkdir(path.dirname(file), { recursive: true });
      const parts: Buffer[] = [];
      for await (const part of entry) parts.push(part as Buffer);
      await writeFile(file, Buffer.concat(parts), { mode: entry.header.mode ?? 0o644 });
    }
  }
  return dir;
};
