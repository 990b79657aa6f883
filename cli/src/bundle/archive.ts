import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { BundleManifest } from "@longshore/shared/contract/manifest";
import { pack } from "tar-stream";
import { type Bundle, bundleEntry } from "./bundle-project.ts";

/** A bundle's archive (tar.gz) and its name: the SHA-256 of these bytes, in hex. */
export type Archive = { bytes: Uint8Array<ArrayBuffer>; hash: string };

/** Position in a gzip header of the operating system that wrote it; 255 = unknown. Source: RFC 1952, 2.3. */
const gzipOsByte = 9;

const tarOf = async (files: [name: string, text: string][]): Promise<Buffer> => {
  const tar = pack();
  for (const [name, content] of files) {
    tar.entry({ name, mode: 0o644, uid: 0, gid: 0, uname: "", gname: "", mtime: new Date(0) }, content);
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** Packs a bundle so that the same code always gives the same bytes: names sorted, no times, no owners. */
export const archiveBundle = async (bundle: Bundle, manifest: BundleManifest): Promise<Archive> => {
  const files: [string, string][] = [
    [bundleEntry, bundle.code],
    [`${bundleEntry}.map`, bundle.sourcemap],
    ["manifest.json", `${JSON.stringify(manifest, null, 2)}\n`],
  ];
  const bytes = new Uint8Array(
    gzipSync(await tarOf(files.sort(([a], [b]) => (a < b ? -1 : 1))), { level: 9 }),
  );
  bytes[gzipOsByte] = 255;
  return { bytes, hash: createHash("sha256").update(bytes).digest("hex") };
};
