import { randomBytes } from "node:crypto";
import { chownSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { runCommand } from "./run-command.ts";
import type { RunningService, Service } from "./service.ts";
import { type Child, startChild } from "./start-child.ts";
import { makeTempFolder, type TempFolder } from "./temp-folder.ts";
import { whyPostgresIsSilent } from "./why-postgres-is-silent.ts";

const READY_MS_MAX = 30_000;
const PORT_TRIES = 3;

interface User {
  uid?: number;
  gid?: number;
}

interface Cluster {
  folder: TempFolder;
  data: string;
  password: string;
  user: User;
}

/**
 * Runs a Postgres of our own from the server binaries in `bin`: a fresh cluster in a temp folder, loopback only, a
 * random password, fsync on (what tests measure and crash should be what users get).
 *
 * As root it runs as the user `postgres`, because the server refuses root.
 */
export async function startPostgres(bin: string): Promise<Service> {
  const user: User | undefined = process.getuid?.() === 0 ? findUser("postgres") : {};
  if (!user) return { missing: "root cannot run Postgres and there is no user postgres" };
  const folder = makeTempFolder("pg");
  chownSync(folder.path, user.uid ?? -1, user.gid ?? -1);
  const data = join(folder.path, "data");
  const cluster = { folder, data, password: randomBytes(12).toString("hex"), user };
  const service = (await initialise(bin, cluster)) ?? (await serve(bin, cluster));
  if ("missing" in service) folder.remove();
  return service;
}

async function initialise(bin: string, { folder, data, password, user }: Cluster) {
  const passwordFile = join(folder.path, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  chownSync(passwordFile, user.uid ?? -1, user.gid ?? -1);
  // Clear-text passwords over loopback: a handshake per connection is a cost that tests and benches would measure.
  const args = ["-D", data, "-U", "postgres", "--auth=password", `--pwfile=${passwordFile}`];
  const options = { cwd: folder.path, ...user, timeoutMs: READY_MS_MAX };
  const more = ["--encoding=UTF8", "--locale=C", "--no-sync"];
  const { code, output } = await runCommand(join(bin, "initdb"), [...args, ...more], options);
  return code === 0 ? undefined : { missing: `initdb failed: ${output.trim().split("\n").at(-1)}` };
}

async function serve(bin: string, cluster: Cluster): Promise<Service> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const url = `postgresql://postgres:${cluster.password}@127.0.0.1:${port}/postgres`;
    const child = await startServer(bin, port, cluster);
    const reason = await untilReady(url, child);
    if (reason === undefined) return running(url, bin, child, cluster.folder);
    const tail = child.logTail();
    await child.stop();
    const isPortTaken = /in use/.test(tail);
    if (!isPortTaken || attempt === PORT_TRIES) return { missing: `Postgres did not start: ${reason}` };
  }
}

function startServer(bin: string, port: number, { folder, data, user }: Cluster): Promise<Child> {
  const settings = ["max_connections=300", "timezone=UTC", "log_min_messages=warning"];
  return startChild({
    command: join(bin, "postgres"),
    args: [
      ...["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", folder.path],
      ...settings.flatMap((setting) => ["-c", setting]),
    ],
    cwd: folder.path,
    ...user,
    logFile: join(folder.path, "log"),
    stopSignal: "SIGINT", // Fast shutdown: SIGTERM would wait for clients.
    orphanSignal: "INT",
    graceMs: 10_000,
  });
}

async function untilReady(url: string, child: Child): Promise<string | undefined> {
  const deadline = Date.now() + READY_MS_MAX;
  while (child.isRunning() && Date.now() < deadline) {
    if ((await whyPostgresIsSilent(url)) === undefined) return undefined;
    await sleep(50);
  }
  return child.logTail().trim().split("\n").at(-1) ?? "no answer";
}

function running(url: string, bin: string, child: Child, folder: TempFolder): RunningService {
  return {
    url,
    how: `system binaries in ${bin}`,
    stop: async () => {
      await child.stop();
      folder.remove();
    },
  };
}

function findUser(name: string): User | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}
