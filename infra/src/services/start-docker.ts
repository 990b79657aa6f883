import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { atEnd } from "./at-end.ts";
import { connectDocker, whyDockerIsSilent } from "./connect-docker.ts";
import { findBinary } from "./find-binary.ts";
import { runCommand } from "./run-command.ts";
import type { RunningService, Service } from "./service.ts";
import { type Child, startChild } from "./start-child.ts";
import { makeTempFolder } from "./temp-folder.ts";

const READY_MS_MAX = 30_000;
const CONTAINER_STOP_S = 5;
const REVIVALS_MAX = 3;

/** An engine of our own, which a test may let die and bring back on the same folder. */
export interface OwnDocker extends RunningService {
  /** SIGKILL to dockerd: its containers stay behind. */
  crash(): Promise<void>;
  /** Starts it again. Errors: when it does not answer in time. */
  revive(): Promise<void>;
}

/** A bridge of our own beside another engine's; undefined means Docker's default one. */
interface Bridge {
  args: string[];
  remove(): Promise<void>;
}

/**
 * Runs `dockerd` (root only) with its socket, images and state in a temp folder, so that it meets no other engine.
 *
 * Shape: `more` are options of dockerd's own; `url` is the `DOCKER_HOST`. `stop` stops and removes the containers, ends dockerd (which ends its containerd),
 * and deletes the folder: nothing is left.
 */
export async function startDocker(more: readonly string[] = []): Promise<Service<OwnDocker>> {
  if (process.getuid?.() !== 0) return { missing: "not root, so no dockerd can be started" };
  const binary = findBinary(["dockerd"]);
  if (!binary) return { missing: "no dockerd here" };
  const bridge = await chooseBridge();
  if ("missing" in bridge) return bridge;
  const folder = makeTempFolder("docker", removeUnmounted);
  const url = `unix://${join(folder.path, "docker.sock")}`;
  const args = [...bridge.args, ...more];
  let child = await startDaemon(binary, folder.path, url, args);
  const stop = async () => {
    if (child.isRunning()) await endContainers(url).catch(() => undefined);
    await child.stop();
    await bridge.remove();
    folder.remove();
    forget();
  };
  const forget = atEnd({ stop, killNow: () => undefined });
  const crash = async () => {
    child.kill("SIGKILL");
    await child.untilExit();
    killContainerd(folder.path);
  };
  const revive = async () => {
    // On a busy machine containerd may take longer than dockerd gives it: dockerd ends, and finds it up the next time.
    for (let tries = 0; tries < REVIVALS_MAX; tries++) {
      child = await startDaemon(binary, folder.path, url, args);
      if (await untilReady(url, child)) return;
      await child.stop();
    }
    throw new Error(`dockerd did not come back: ${child.logTail()}`);
  };
  if (await untilReady(url, child)) return { url, how: `${binary}, started by us`, stop, crash, revive };
  const reason = child.logTail().trim().split("\n").at(-1);
  await stop();
  return { missing: `dockerd did not answer within ${READY_MS_MAX / 1_000} s: ${reason}` };
}

/** The containerd that a killed dockerd leaves behind; the containers' shims go on. */
function killContainerd(folder: string): void {
  try {
    process.kill(Number(readFileSync(join(folder, "exec/containerd/containerd.pid"), "utf8")), "SIGKILL");
  } catch {
    // It went with its parent.
  }
}

function startDaemon(binary: string, folder: string, url: string, more: readonly string[]): Promise<Child> {
  return startChild({
    command: binary,
    args: [
      ...["--host", url, "--pidfile", join(folder, "docker.pid")],
      ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
      ...more,
    ],
    logFile: join(folder, "log"),
    orphanSignal: "TERM",
    graceMs: 20_000,
  });
}

async function untilReady(url: string, child: Child): Promise<boolean> {
  const deadline = Date.now() + READY_MS_MAX;
  while (child.isRunning() && Date.now() < deadline) {
    if ((await whyDockerIsSilent(url)) === undefined) return true;
    await sleep(100);
  }
  return false;
}

/** Containers get their stop signal and a moment; then they are removed, so no shim outlives the engine. */
async function endContainers(url: string): Promise<void> {
  const docker = connectDocker(url, 20_000);
  const containers = await docker.listContainers({ all: true });
  const end = async (id: string) => {
    const container = docker.getContainer(id);
    // A paused container takes no signal.
    await container.unpause().catch(() => undefined);
    await container.stop({ t: CONTAINER_STOP_S }).catch(() => undefined);
    await container.remove({ force: true, v: true }).catch(() => undefined);
  };
  await Promise.all(containers.map(({ Id }) => end(Id)));
}

/**
 * Docker's default bridge, unless another engine runs here: two engines on one bridge or one set of firewall rules
 * break each other, so ours then gets a bridge with no rules (containers reach this machine, not the internet).
 */
async function chooseBridge(): Promise<Bridge | { missing: string }> {
  if (!isEngineRunning()) return { args: [], remove: async () => undefined };
  const ip = findBinary(["ip"]);
  if (!ip) return { missing: "another dockerd runs here (set DOCKER_HOST to use it, or install iproute2)" };
  const number = process.pid % 250;
  const name = `lshore${number}`;
  const address = `10.213.${number}.1/24`;
  await runCommand(ip, ["link", "add", "name", name, "type", "bridge"]);
  await runCommand(ip, ["addr", "add", address, "dev", name]);
  const { code, output } = await runCommand(ip, ["link", "set", name, "up"]);
  if (code !== 0) return { missing: `no network bridge for a second engine: ${output.trim()}` };
  const remove = async () => void (await runCommand(ip, ["link", "delete", name]));
  return { args: ["--bridge", name, "--iptables=false", "--ip-masq=false"], remove };
}

function isEngineRunning(): boolean {
  return readdirSync("/proc").some((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/comm`, "utf8").trim() === "dockerd";
    } catch {
      return false; // Gone since the listing.
    }
  });
}

/** Deletes the state folder, unless something stays mounted in it: what is mounted is not ours to delete. */
function removeUnmounted(folder: string): void {
  const umount = findBinary(["umount"]);
  if (umount) for (const mount of mountsIn(folder).reverse()) spawnSync(umount, [mount]);
  if (mountsIn(folder).length === 0) rmSync(folder, { recursive: true, force: true });
}

function mountsIn(folder: string): string[] {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  return mounts.map((line) => line.split(" ")[1] ?? "").filter((mount) => mount.startsWith(`${folder}/`));
}
