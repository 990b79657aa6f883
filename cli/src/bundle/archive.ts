import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { pack } from "tar-stream";

/** An archive (tar.gz) and its name: the SHA-256 of these bytes, in hex. */
export type Archive = { bytes: Uint8Array<ArrayBuffer>; hash: string };

/** A file of an archive. `name` has `/` between its folders. */
export type ArchiveFile = { name: string; content: string | Uint8Array; isExecutable?: boolean };

/** Position in a gzip header of the operating system that wrote it; 255 = unknown. Source: RFC 1952, 2.3. */
const gzipOsByte = 9;

const gzipAsync = promisify(gzip);

const tarOf = async (files: ArchiveFile[]): Promise<Buffer> => {
  const tar = pack();
  const read = (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  })();
  for (const { name, content, isExecutable } of files) {
    const mode = isExecutable ? 0o755 : 0o644;
    tar.entry(
      { name, mode, uid: 0, gid: 0, uname: "", gname: "", mtime: new Date(0) },
      typeof content === "string" ? content : Buffer.from(content),
    );
  }
  tar.finalize();
  return read;
};

/** The name of these bytes. */
export const hashOfBytes = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");

/**
 * Packs files so that the same files always give the same bytes: names sorted, no times, no owners. `level`: how hard gzip
 * tries, 9 most.
 */
export const archiveFiles = async (files: ArchiveFile[], level = 9): Promise<Archive> => {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const bytes = new Uint8Array(await gzipAsync(await tarOf(sorted), { level }));
  bytes[gzipOsByte] = 255;
  return { bytes, hash: hashOfBytes(bytes) };
};
