import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { lockFile } from "./lock-file.ts";

let folder: string;
let file: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-lock-"));
  file = join(folder, "a.lock");
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(end));
  await rm(folder, { recursive: true, force: true });
});

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "close");
  child.kill("SIGKILL");
  await gone;
};
const source = `
  import { lockFile } from "./lock-file.ts";
  process.stdin.once("data", async () => {
    const said = await lockFile(process.argv[1], (pid) => new Error("taken by " + pid)).then(() => "held", (error) => error.message);
    process.stdout.write(said + "\\n");
  });
  process.stdout.write("ready\\n");
`;
/** Compiled once: doing so at each start takes longer than the locks. */
let program: string;
beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: dirname(fileURLToPath(import.meta.url)) },
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
  });
  program = outputFiles[0]?.text ?? "";
});
const words = (child: ChildProcess): (() => Promise<string>) => {
  let text = "";
  child.stdout?.on("data", (part) => {
    text += part;
  });
  return async () => {
    while (!text.includes("\n")) await once(child.stdout as NonNullable<typeof child.stdout>, "data");
    const line = text.slice(0, text.indexOf("\n"));
    text = text.slice(line.length + 1);
    return line;
  };
};

/** A process that locks the file once it is told to; `elsewhere`: in a PID namespace and a /proc of its own, as in a container. */
const locker = async (elsewhere = false) => {
  const node = [process.execPath, "--input-type=module", "-e", program, file];
  const inNamespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL", ...node];
  const [command, ...args] = elsewhere ? inNamespace : node;
  const child = spawn(command as string, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const next = words(child);
  expect(await next()).toBe("ready");
  const lock = async (): Promise<string> => {
    child.stdin?.write("go\n");
    return await next();
  };
  return { child, lock };
};
const here = () => lockFile(file, (pid) => new Error(`taken by ${pid}`));
const canUnshare =
  process.platform === "linux" &&
  spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;

test("one process holds it, and gives it back without a trace", async () => {
  const release = await here();
  await expect(here()).rejects.toThrow(`taken by ${process.pid}`);
  expect(await (await locker()).lock()).toBe(`taken by ${process.pid}`);
  await release();
  expect(await readdir(folder)).toEqual([]);
});

test("what a killed process left is taken over, and its socket goes", async () => {
  const { child, lock } = await locker();
  expect(await lock()).toBe("held");
  await expect(here()).rejects.toThrow(`taken by ${child.pid}`);
  await end(child);
  await (await here())();
  expect(await readdir(folder)).toEqual([]);
});

test.skipIf(!canUnshare)("a holder in another PID namespace is found alive, and found dead", async () => {
  const { child, lock } = await locker(true);
  expect(await lock()).toBe("held");
  await expect(here()).rejects.toThrow("taken by 1");
  expect(await (await locker(true)).lock()).toBe("taken by 1"); // where number 1 is itself
  await end(child);
  const release = await here();
  expect(await (await locker(true)).lock()).toBe(`taken by ${process.pid}`);
  await release();
});

test("of many that find a stale lock at once, one holds it", { timeout: 60_000 }, async () => {
  const dead = await locker();
  expect(await dead.lock()).toBe("held");
  await end(dead.child);
  const left = await readFile(file, "utf8");
  const all = await Promise.all(Array.from({ length: 6 }, () => locker()));
  const said = await Promise.all(all.map(({ lock }) => lock()));
  expect(said.filter((line) => line === "held")).toHaveLength(1);
  expect(said.filter((line) => line.startsWith("taken by"))).toHaveLength(5);
  expect(await readFile(file, "utf8")).not.toBe(left);
  // Of the losers nothing stays, nor of the turn in which it was taken over.
  expect((await readdir(folder)).sort()).toEqual(["a.lock", expect.stringMatching(/^a\.lock\.\w+\.sock$/)]);
});

test("many within one process, over and over", async () => {
  for (let round = 0; round < 30; round++) {
    await writeFile(file, `999999999 ${round} pid:[1] - a.lock.gone.sock`);
    const tries = await Promise.allSettled(Array.from({ length: 8 }, here));
    const held = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(held).toHaveLength(1);
    await held[0]?.();
    expect(await readdir(folder)).toEqual([]);
  }
});

test("a taker that died in the middle stands in nobody's way", async () => {
  const { child, lock } = await locker();
  expect(await lock()).toBe("held");
  await end(child);
  const stale = await readFile(file, "utf8");
  const name = createHash("sha256").update(stale).digest("hex").slice(0, 8);
  await writeFile(`${file}.${name}`, stale.replace(/^\d+/, "999999999"));
  await (await here())();
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ["empty", ""],
  ["of an older agent that is gone", "999999999 1"],
  ["of an earlier boot", `${process.pid} 1 pid:[1] another-boot a.lock.gone.sock`],
  ["of nobody that can be read", "?"],
])("one that is %s is taken over", async (_, text) => {
  await writeFile(file, text);
  const release = await here();
  expect((await readFile(file, "utf8")).split(" ")[0]).toBe(String(process.pid));
  await release();
});

test("one of an older agent that lives is not", async () => {
  const stat = await readFile(`/proc/${process.pid}/stat`, "utf8").catch(() => "");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  await writeFile(file, `${process.pid} ${start}`);
  await expect(here()).rejects.toThrow(`taken by ${process.pid}`);
});

test("one that cannot be asked, of another container, is left to whoever knows", async () => {
  const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "-")).trim();
  await writeFile(file, `1 1 pid:[1] ${boot} -a.lock.none.sock`);
  await expect(here()).rejects.toThrow(/Delete the file once/);
});
