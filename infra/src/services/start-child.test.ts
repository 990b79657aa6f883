import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { findBinary } from "./find-binary.ts";
import { whyRedisIsSilent } from "./why-redis-is-silent.ts";

const fixture = fileURLToPath(new URL("start-child.fixture.ts", import.meta.url));
const canStart = findBinary(["redis-server"]) !== undefined;
const hasParentDeath = process.platform === "linux" && findBinary(["setpriv"]) !== undefined;

/** Starts a process that owns a Redis, and answers both. */
async function startOwner(...args: string[]) {
  const owner = spawn(process.execPath, ["--import", "tsx", fixture, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(owner, "exit");
  const [line] = (await once(owner.stdout, "data")) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  return { owner, url, ended };
}

const isSilent = async (url: string) => (await whyRedisIsSilent(url)) !== undefined;

/** The temp folder that the Redis at `url` runs in. */
async function findFolder(url: string): Promise<string> {
  const redis = new Redis(url, { protocol: 2 });
  const [, folder] = (await redis.config("GET", "dir")) as string[];
  redis.disconnect();
  return folder ?? "";
}

describe.skipIf(!canStart)("a program we started", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("ends when we get %s, before we do", async (signal) => {
    const { owner, url, ended } = await startOwner();
    expect(await isSilent(url)).toBe(false);
    owner.kill(signal);
    const [code] = await ended;
    expect(code).toBe({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal]);
    expect(await isSilent(url)).toBe(true);
  });

  test("does not keep us alive, and ends when we finish without stopping it", async () => {
    const { url, ended } = await startOwner("finish");
    expect(await ended).toEqual([0, null]);
    await expect.poll(() => isSilent(url)).toBe(true);
  });

  test.skipIf(!hasParentDeath)("ends when we are killed without a word", async () => {
    const { owner, url, ended } = await startOwner();
    const folder = await findFolder(url);
    owner.kill("SIGKILL");
    await ended;
    await expect.poll(() => isSilent(url)).toBe(true);
    // Nobody was left to do it.
    rmSync(folder, { recursive: true });
  });
});
