import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** The kernel's limit for the path of a unix socket is 107 bytes (103 on macOS). */
const socketPathBytesMax = 100;

export type ShortPath = {
  path: string;
  /** Removes what was made for it. */
  release(): void;
};

const isShort = (path: string): boolean => Buffer.byteLength(path) <= socketPathBytesMax;
const ownUid = (): number => process.getuid?.() ?? 0;
const linkFolder = (): string => join(tmpdir(), `longshore-${ownUid()}`);
const nameOf = (path: string): string => createHash("sha256").update(path).digest("hex").slice(0, 16);
const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Folders whose leftovers this process has looked through. */
const swept = new Set<string>();

/** An agent that was killed left its links; those that lead nowhere are nobody's any more. */
const sweep = (folder: string): void => {
  if (swept.has(folder)) return;
  swept.add(folder);
  for (const name of readdirSync(folder)) {
    const link = join(folder, name);
    const isDangling = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && !existsSync(link);
    if (isDangling) rmSync(link, { force: true });
  }
};

/**
 * The folder of the links. Its name can be foretold and others write beside it: whoever owns it decides where
 * the agent listens.
 *
 * Errors: throws when it is not this user's.
 */
const ownFolder = (): string => {
  const folder = linkFolder();
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  const found = lstatSync(folder);
  const isOwn = found.isDirectory() && (process.getuid === undefined || found.uid === ownUid());
  if (!isOwn) {
    throw new Error(
      `${folder} is not a folder of this user, and the agent's data folder has too long a path for sockets without it. ` +
        "Remove it, or set LONGSHORE_AGENT_DATA to a shorter path.",
    );
  }
  if ((found.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  sweep(folder);
  return folder;
};

const makeLink = (path: string, name: string): ShortPath => {
  const link = join(ownFolder(), name);
  const target = dirname(path);
  try {
    symlinkSync(target, link);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    // It may have been put there while the folder was open to others.
    if (readlinkSync(link) !== target) {
      rmSync(link, { force: true });
      symlinkSync(target, link);
    }
  }
  return { path: join(link, basename(path)), release: () => rmSync(link, { force: true }) };
};

/**
 * A path to the same socket that is short enough to be used: itself, or one through a link in the temporary folder, which
 * is there while somebody listens by `listenAtPath`. The same path gives the same answer in every process of this user.
 */
export const shortSocketPath = (path: string): string =>
  isShort(path) ? path : join(linkFolder(), nameOf(path), basename(path));

/** A short path for one who connects, by a link of its own. Errors: throws when the folder of links is not this user's. */
export const lendSocketPath = (path: string): ShortPath =>
  isShort(path) ? { path, release: () => {} } : makeLink(path, randomBytes(8).toString("hex"));

/** Listens at a socket, however long its path. What that needs is there until the server closes. Errors: those of `listen`. */
export const listenAtPath = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const short = isShort(path) ? { path, release: () => {} } : makeLink(path, nameOf(path));
    const failed = (error: unknown): void => {
      short.release();
      reject(error);
    };
    server.once("close", short.release);
    server.once("error", failed);
    server.listen(short.path, () => {
      server.off("error", failed);
      resolve();
    });
  });
