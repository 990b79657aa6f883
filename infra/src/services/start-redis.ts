import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findBinary } from "./find-binary.ts";
import { freePort } from "./free-port.ts";
import type { RunningService, Service } from "./service.ts";
import { type Child, startChild } from "./start-child.ts";
import { makeTempFolder } from "./temp-folder.ts";
import { whyRedisIsSilent } from "./why-redis-is-silent.ts";

const READY_MS_MAX = 10_000;

/**
 * A Redis process of our own. `kill` ends it with SIGKILL and waits for that; `restart` brings an empty one up on the
 * same port.
 */
export interface OwnRedis extends RunningService {
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/**
 * Runs `redis-server` on a free loopback port, with nothing kept on disk: what Longshore puts in Redis may vanish.
 */
export async function startRedis(): Promise<Service<OwnRedis>> {
  const binary = findBinary(["redis-server", "valkey-server"]);
  if (!binary) return { missing: "no redis-server here" };
  const folder = makeTempFolder("redis");
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: Child;
  const start = async () => {
    child = await startServer(binary, port, folder.path);
    await untilReady(url, child);
  };
  const stop = async () => {
    await child?.stop();
    folder.remove();
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  const kill = async () => {
    child.kill("SIGKILL");
    await child.stop();
  };
  return { url, how: binary, stop, kill, restart: () => child.stop().then(start) };
}

function startServer(binary: string, port: number, folder: string): Promise<Child> {
  return startChild({
    command: binary,
    args: [
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder],
      ...["--save", "", "--appendonly", "no"],
    ],
    cwd: folder,
    logFile: join(folder, "log"),
  });
}

async function untilReady(url: string, child: Child): Promise<void> {
  const deadline = Date.now() + READY_MS_MAX;
  while (child.isRunning() && Date.now() < deadline) {
    if ((await whyRedisIsSilent(url)) === undefined) return;
    await sleep(20);
  }
  throw new Error(`redis-server did not start: ${child.logTail().trim().split("\n").at(-1)}`);
}
