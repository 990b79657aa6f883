import { createHash, randomBytes } from "node:crypto";
import { link, readFile, readlink, rename, rm, statfs, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { lendSocketPath, listenAtPath } from "./socket-path.ts";

/** How often a lock is looked at again that changed hands meanwhile. */
const triesMax = 10;
/** How long one that is empty may be in the making, by an agent that writes it in two steps. Units: milliseconds. */
const makingMs = 200;

/** File systems that another kernel may have mounted too (`f_type`): NFS, SMB, FUSE, Ceph, 9p, AFS, Lustre, GFS2, OCFS2, vboxsf. */
const sharedTypes = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0xc36400, 0x1021997, 0x5346414f, 0xbd00bd0, 0x1161970,
  0x7461636f, 0x786f4256,
]);

/** Whether a process of this number is there, whoever's it is. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

/** What tells two uses of the same number apart: after a container's restart a process often gets its old one. */
const startOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
};
/** Where numbers of processes mean the same. */
const spaceOf = (): Promise<string> => readlink("/proc/self/ns/pid").catch(() => "-");
const bootOf = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "-")).trim();

/** Who holds a lock. Shape: `text` is the file's; older agents wrote `pid start` alone. */
type Holder = { text: string; pid: number; start: string; space?: string; boot?: string; socket?: string };

/** Null when nobody holds it. */
const readHolder = async (file: string): Promise<Holder | null> => {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  const [pid, start = "", space, boot, socket] = text.split(" ");
  const holder: Holder = { text, pid: Number(pid), start };
  if (space && boot) Object.assign(holder, { space, boot });
  if (socket?.endsWith(".sock") && !socket.startsWith("-") && socket === basename(socket))
    holder.socket = socket;
  return holder;
};

/** Whether a process listens at a socket. What refuses us for another reason than that nobody does, is there. */
const isListening = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const short = lendSocketPath(path);
    const socket = connect(short.path);
    socket.once("close", short.release);
    socket.once("connect", () => resolve(true));
    socket.once("error", (error) => resolve(!["ECONNREFUSED", "ENOENT", "ENOTSOCK"].includes(codeOf(error))));
    socket.once("connect", () => socket.destroy());
  });

const isProcess = async ({ pid, start }: Holder): Promise<boolean> =>
  pid > 0 && isAlive(pid) && (await startOf(pid)) === start;

/** `unknown`: it cannot be asked, and its number means nothing here. */
const judge = async (file: string, holder: Holder): Promise<"held" | "stale" | "unknown"> => {
  if (holder.socket && (await isListening(join(dirname(file), holder.socket)))) return "held";
  const isHere = holder.boot === undefined || holder.boot === (await bootOf());
  if (!isHere) {
    // An earlier boot of this machine, unless another machine sees this file as well.
    const { type } = await statfs(dirname(file));
    return sharedTypes.has(Number(type) >>> 0) ? "unknown" : "stale";
  }
  if (holder.space === undefined || holder.space === (await spaceOf())) {
    return (await isProcess(holder)) ? "held" : "stale";
  }
  return holder.socket ? "stale" : "unknown";
};

/** Makes a file with all of its content at once. Shape: false when there is one already. */
const makeWhole = async (file: string, text: string): Promise<boolean> => {
  const fresh = `${file}.${randomBytes(4).toString("hex")}.new`;
  await writeFile(fresh, text, { flag: "wx", mode: 0o600 });
  try {
    await link(fresh, file);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    // A file system without hard links: in two steps, which readers wait for.
    return await writeFile(file, text, { flag: "wx", mode: 0o600 }).then(
      () => true,
      (failed) => {
        if (codeOf(failed) === "EEXIST") return false;
        throw failed;
      },
    );
  } finally {
    await rm(fresh, { force: true });
  }
};
const replaceWhole = async (file: string, text: string): Promise<void> => {
  const fresh = `${file}.${randomBytes(4).toString("hex")}.new`;
  await writeFile(fresh, text, { flag: "wx", mode: 0o600 });
  await rename(fresh, file);
};

type Taken = (pid: number) => Error;

/** Errors: throws when a lock is held, or when nobody can tell. */
const refuseHeld = async (file: string, holder: Holder, taken: Taken): Promise<void> => {
  const state = await judge(file, holder);
  if (state === "held") throw taken(holder.pid);
  if (state === "unknown") {
    throw new Error(
      `${file} was left by a process of another host or container, which cannot be asked whether it is still there. Delete the file once you know that it is not.`,
    );
  }
};

/**
 * Puts `mine` into a file that nobody has, or whose holder is gone.
 *
 * What is stale is replaced by whoever holds a lock that is named for its content: so it can be looked at once more, and
 * nobody else changes it until the rename. That lock is one like any other, and outlives nobody either.
 */
const claim = async (file: string, mine: string, taken: Taken): Promise<void> => {
  for (let tries = 0; tries < triesMax; tries++) {
    if (await makeWhole(file, mine)) return;
    const found = await readHolder(file);
    if (found === null) continue;
    if (found.text === "" && tries === 0) {
      await delay(makingMs);
      continue;
    }
    await refuseHeld(file, found, taken);
    const name = createHash("sha256").update(found.text).digest("hex").slice(0, 8);
    const turn = `${file}.${name}`;
    await claim(turn, mine, taken);
    try {
      if ((await readHolder(file))?.text !== found.text) continue;
      await replaceWhole(file, mine);
    } finally {
      await rm(turn, { force: true });
    }
    if (found.socket) await rm(join(dirname(file), found.socket), { force: true });
    return;
  }
  throw new Error(`${file} cannot be taken: it changes hands all the time. Try again.`);
};

/** Listens at a socket; null where the file system has none. */
const listen = async (path: string): Promise<Server | null> => {
  const server = createServer((socket) => socket.destroy());
  const isUp = await listenAtPath(server, path).then(
    () => true,
    () => false,
  );
  if (!isUp) return null;
  server.on("error", () => {}); // what cannot be accepted was connected all the same
  return server.unref();
};

/**
 * Makes this process the only holder of a file. What a killed one left is taken over.
 *
 * The holder listens at a socket beside the file, so that it is found alive from other containers too, where its number
 * is nobody's or another's. That holds for one kernel. On a file system of the network what another host left is never
 * taken over: the error says to delete it.
 *
 * Shape: gives it back. Errors: throws what `taken` makes of the process that holds it, or when nobody can tell.
 */
export const lockFile = async (file: string, taken: Taken): Promise<() => Promise<void>> => {
  const present = await readHolder(file);
  if (present !== null && present.text !== "") await refuseHeld(file, present, taken);
  const socket = `${basename(file)}.${randomBytes(4).toString("hex")}.sock`;
  const server = await listen(join(dirname(file), socket));
  const close = () => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  const who = [process.pid, await startOf(process.pid), await spaceOf(), await bootOf()];
  const mine = [...who, server ? socket : `-${socket}`].join(" ");
  try {
    await claim(file, mine, taken);
  } catch (error) {
    await close();
    throw error;
  }
  return async () => {
    if ((await readHolder(file))?.text === mine) await rm(file, { force: true });
    await close(); // the last: until then nobody takes it over
  };
};
