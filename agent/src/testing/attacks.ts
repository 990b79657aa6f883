import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { pack } from "tar-stream";
import { taskFiles } from "./make-bundle.ts";
import { forkBomb, syscallProgram } from "./syscall-program.ts";

export const errno = { EPERM: 1, ESRCH: 3, EIO: 5, EAGAIN: 11, EACCES: 13, ENOSYS: 38 };
const newUser = 0x10000000;
const programs: Record<string, Buffer> = {
  mount: syscallProgram(165, ["none", "/tmp", "tmpfs", 0, 0]),
  remount: syscallProgram(165, ["none", "/", 0, 32, 0]),
  umount: syscallProgram(166, ["/longshore/bundle", 0]),
  pivotRoot: syscallProgram(155, ["/tmp", "/tmp"]),
  chroot: syscallProgram(161, ["/tmp"]),
  mknod: syscallProgram(133, ["/tmp/disk", 0o60666, 0x0800]),
  ptraceAgent: syscallProgram(101, [16, process.pid, 0, 0]),
  // The runner's number in its container is known there only.
  ...Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`ptrace${i + 1}`, syscallProgram(101, [16, i + 1, 0, 0])]),
  ),
  rawSocket: syscallProgram(41, [2, 3, 1]),
  packetSocket: syscallProgram(41, [17, 3, 0]),
  setuid: syscallProgram(105, [0]),
  setgid: syscallProgram(106, [0]),
  unshareUser: syscallProgram(272, [newUser]),
  unshareNet: syscallProgram(272, [0x40000000]),
  setns: syscallProgram(308, [0, 0]),
  bpf: syscallProgram(321, [0, 0, 0]),
  perf: syscallProgram(298, [0, 0, 0, 0, 0]),
  keyctl: syscallProgram(250, [0, 0, 0]),
  addKey: syscallProgram(248, ["user", "a", "b", 1, -1]),
  initModule: syscallProgram(175, [0, 0, ""]),
  kexec: syscallProgram(246, [0, 0, 0, 0]),
  reboot: syscallProgram(169, [0xfee1dead, 672274793, 0x1234567, 0]),
  setHostname: syscallProgram(170, ["pwned", 5]),
  setTime: syscallProgram(227, [0, 0]),
  swapon: syscallProgram(167, ["/tmp/x", 0]),
  openByHandle: syscallProgram(304, [-100, 0, 0]),
  nice: syscallProgram(141, [0, 0, -20]),
  userfaultfd: syscallProgram(323, [0]),
  forkBomb: forkBomb(),
};

const prelude = `
import fs from "node:fs"; import net from "node:net"; import http from "node:http"; import os from "node:os";
import { spawnSync } from "node:child_process";
const attempt = (act) => { try { act(); return "done"; } catch (error) { return error.code ?? error.message; } };
const ask = (host, port = 80) => new Promise((resolve) => {
  const request = http.get({ host, port, timeout: 4000 }, (answer) => { answer.resume(); resolve("reached"); });
  request.on("timeout", () => request.destroy(Object.assign(new Error(), { code: "SILENCE" })));
  request.on("error", (error) => resolve(error.code));
});
const dial = (path) => new Promise((resolve) => {
  const socket = net.connect(path, () => { socket.destroy(); resolve("reached"); });
  socket.on("error", (error) => resolve(error.code));
});
const walk = (folder, visit, depth = 6) => {
  if (depth < 0 || folder === "/proc" || folder === "/sys") return;
  let entries = [];
  try { entries = fs.readdirSync(folder, { withFileTypes: true }); } catch {}
  for (const entry of entries) {
    const path = (folder === "/" ? "" : folder) + "/" + entry.name;
    visit(path, entry);
    if (entry.isDirectory()) walk(path, visit, depth - 1);
  }
};
/** What can be seen and done without harm, all in one container. */
const looks = {
  sockets: async () => {
    const sockets = [];
    walk("/", (path, entry) => { if (entry.isSocket()) sockets.push(path); });
    const docker = await Promise.all(["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"].map(dial));
    return { sockets, docker };
  },
  processes: async ({ pid }) => {
    const pids = fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name));
    const commands = pids.map((one) => { try { return fs.readFileSync("/proc/" + one + "/cmdline", "utf8").split("\\0")[0]; } catch { return ""; } });
    return { count: pids.length, commands, kill: attempt(() => process.kill(pid, 0)) };
  },
  written: async ({ writing }) => Object.fromEntries(writing.map((path) => [path, attempt(() => fs.writeFileSync(path, "x"))])),
  readable: async ({ reading }) => Object.fromEntries(reading.map((path) => [path, attempt(() => fs.readFileSync(path))])),
  runner: async () => ({
    environment: attempt(() => fs.readFileSync("/proc/" + process.ppid + "/environ")),
    memory: attempt(() => fs.openSync("/proc/" + process.ppid + "/mem", "r+")),
    files: attempt(() => fs.readdirSync("/proc/" + process.ppid + "/fd")),
    trace: process.arch === "x64" ? spawnSync("/longshore/bundle/ptrace" + process.ppid, { stdio: "ignore" }).status : 1,
  }),
  devices: async () => {
    const block = []; const char = [];
    walk("/dev", (path, entry) => { if (entry.isBlockDevice()) block.push(path); if (entry.isCharacterDevice()) char.push(path); });
    return { block, char: char.map((path) => path.slice(5)).sort() };
  },
  privileges: async () => {
    const setuid = [];
    walk("/", (path, entry) => { if (entry.isFile() && (fs.lstatSync(path).mode & 0o6000)) setuid.push(path); });
    const status = fs.readFileSync("/proc/self/status", "utf8");
    return {
      become: attempt(() => process.setuid(0)), group: attempt(() => process.setgid(0)), setuid,
      noNewPrivs: /NoNewPrivs:\\s*(\\d)/.exec(status)[1], seccomp: /Seccomp:\\s*(\\d)/.exec(status)[1],
      caps: [...status.matchAll(/^Cap\\w+:\\s*(\\w+)/gm)].map((found) => found[1]),
    };
  },
};
`;

export const attackTasks = {
  programs: `run: async ({ names }) => names.map((name) => {
    const { status, error } = spawnSync("/longshore/bundle/" + name, { stdio: "ignore", timeout: 20000 });
    return [name, status ?? error?.code];
  })`,
  impersonate: `run: ({ token }) => new Promise((resolve) => {
    const socket = net.connect("/longshore/agent/agent.sock");
    let said = "";
    socket.on("data", (piece) => { said += piece; });
    socket.on("error", (error) => resolve(error.code));
    socket.on("close", () => resolve(said === "" ? "closed" : said));
    socket.write(JSON.stringify({ t: "hello", protocol: 1, token, running: null }) + "\\n");
  })`,
  survey: `run: async (asked) => {
    const answers = {};
    for (const [name, look] of Object.entries(looks)) answers[name] = await look(asked);
    return answers;
  }`,
  files_bomb: `run: async () => {
    const open = []; let code = null;
    while (code === null && open.length < 200000) { try { open.push(fs.openSync("/dev/null", "r")); } catch (error) { code = error.code; } }
    for (const one of open) fs.closeSync(one);
    return { code, count: open.length };
  }`,
  fill: `run: async () => {
    const piece = Buffer.alloc(4 * 1024 * 1024); let bytes = 0; let code = null;
    const file = fs.openSync("/tmp/fill", "w");
    while (code === null && bytes < 4e9) { try { bytes += fs.writeSync(file, piece); } catch (error) { code = error.code; } }
    fs.closeSync(file); fs.unlinkSync("/tmp/fill");
    return { code, mb: Math.round(bytes / 1024 / 1024) };
  }`,
  eat: `run: async () => { const all = []; for (;;) all.push(Buffer.alloc(8 * 1024 * 1024, 1)); }`,
  chatter: `run: async () => {
    const line = "x".repeat(1023) + "\\n"; const piece = line.repeat(1024);
    for (let i = 0; i < 1024; i++) if (!process.stdout.write(piece)) await new Promise((r) => process.stdout.once("drain", r));
    return "said";
  }`,
  reach: `run: async ({ targets }) => Object.fromEntries(await Promise.all(targets.map(async ([name, host, port]) => [name, await ask(host, port)])))`,
  interfaces: `run: async () => Object.values(os.networkInterfaces()).flat().filter((one) => !one.internal).map((one) => one.address)`,
  listen: `run: () => new Promise((resolve) => {
    const own = Object.values(os.networkInterfaces()).flat().find((one) => !one.internal && one.family === "IPv4").address;
    http.createServer((request, response) => { response.end("hello"); }).listen(8080, "0.0.0.0", () => console.log("listening " + own));
  })`,
  tell: `run: async () => {
    console.log("plain " + process.env.API_TOKEN);
    process.stdout.write("in two " + process.env.API_TOKEN.slice(0, 9));
    process.stdout.write(process.env.API_TOKEN.slice(9) + "\\n");
    console.error("coded " + Buffer.from("user:" + process.env.API_TOKEN).toString("base64"), encodeURIComponent(process.env.API_TOKEN));
    console.log("open " + process.env.PUBLIC_NAME);
    throw new Error("cannot log in with " + process.env.API_TOKEN);
  }`,
  environment: `run: async () => {
    const seen = [];
    for (const pid of fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name))) { try { seen.push(fs.readFileSync("/proc/" + pid + "/environ", "utf8")); } catch {} }
    return seen.join(" ");
  }`,
  stopRunner: `run: () => { process.kill(process.ppid, "SIGSTOP"); return new Promise(() => setInterval(() => {}, 1000)); }`,
  hold: `run: () => { console.log("up"); return new Promise(() => setInterval(() => {}, 1000)); }`,
};

/** The bundle of all attacks: the tasks, and the programs as executable files. */
export const attackBundle = async (): Promise<Buffer> => {
  const archive = pack();
  const modules = await taskFiles(attackTasks, prelude);
  for (const [name, text] of Object.entries(modules)) archive.entry({ name }, text);
  for (const [name, program] of Object.entries(programs)) archive.entry({ name, mode: 0o755 }, program);
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return promisify(gzip)(Buffer.concat(parts));
};

/** Of a refused system call. */
export const errorName = (number: number | null): string =>
  Object.entries(errno).find(([, value]) => value === number)?.[0] ?? `exit ${number}`;

/** What was tried and what came of it, to be printed at the end. */
export const attackTable = () => {
  const rows: [attack: string, result: string][] = [];
  return {
    note(attack: string, result: unknown): void {
      rows.push([attack, typeof result === "string" ? result : JSON.stringify(result)]);
    },
    print(): void {
      const width = Math.max(...rows.map(([attack]) => attack.length), 30);
      const lines = rows.map(([attack, result]) => `${attack.padEnd(width)} | ${result.slice(0, 120)}`);
      console.log([`${"attack from inside a container".padEnd(width)} | result`, ...lines].join("\n"));
    },
  };
};
