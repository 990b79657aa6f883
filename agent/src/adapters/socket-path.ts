import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** The kernel's limit for the path of a unix socket is 107 bytes (103 on macOS). */
const socketPathBytesMax = 100;

/**
 * A path to the same socket that is short enough to be used: itself, or one through a link in the temporary folder.
 * The same path gives the same answer in every process.
 */
export const shortSocketPath = (path: string): string => {
  if (Buffer.byteLength(path) <= socketPathBytesMax) return path;
  const folder = join(tmpdir(), `longshore-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const name = createHash("sha256").update(dirname(path)).digest("hex").slice(0, 16);
  const link = join(folder, name);
  try {
    symlinkSync(dirname(path), link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return join(link, basename(path));
};
