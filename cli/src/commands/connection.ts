import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Client, createClient } from "@longshore/sdk";
import type { Command } from "commander";
import { z } from "zod";
import { CliError } from "../cli-error.ts";

/** Where the API is and which key opens it. */
export type Connection = { apiUrl: string; apiKey: string };

export type ConnectionOptions = { apiUrl?: string; apiKey?: string };

const DevFile = z.object({ apiUrl: z.string(), apiKey: z.string(), pid: z.int() });
export type DevFile = z.infer<typeof DevFile>;

/** Where `longshore dev` says how to reach it, for commands in another terminal. */
export const devFilePath = (dir: string): string => path.join(dir, ".longshore", "dev.json");

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const readDevFile = async (dir: string): Promise<DevFile | undefined> => {
  const text = await readFile(devFilePath(dir), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = DevFile.safeParse(JSON.parse(text));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : undefined;
};

/** Adds the options that every command with an API has. */
export const withConnection = (command: Command): Command =>
  command
    .option("--api-url <url>", "address of the API (or LONGSHORE_API_URL)")
    .option("--api-key <key>", "secret key of the environment (or LONGSHORE_SECRET_KEY)");

/** What options and environment say, each on its own; nothing is demanded. */
export const findConnection = (options: ConnectionOptions): Partial<Connection> => {
  const apiUrl = options.apiUrl ?? process.env.LONGSHORE_API_URL ?? process.env.TRIGGER_API_URL;
  const apiKey = options.apiKey ?? process.env.LONGSHORE_SECRET_KEY ?? process.env.TRIGGER_SECRET_KEY;
  return { ...(apiUrl ? { apiUrl } : {}), ...(apiKey ? { apiKey } : {}) };
};

/**
 * The connection from options, then environment, then a `longshore dev` that runs in this folder.
 * Errors: CliError (bad usage) naming what is missing.
 */
export const getConnection = async (options: ConnectionOptions, dir = process.cwd()): Promise<Connection> => {
  const { apiUrl, apiKey } = findConnection(options);
  if (apiUrl && apiKey) return { apiUrl, apiKey };
  const dev = apiUrl || apiKey ? undefined : await readDevFile(dir);
  if (dev) return { apiUrl: dev.apiUrl, apiKey: dev.apiKey };
  throw new CliError(apiUrl ? "no API key" : "no API address", {
    next: apiUrl
      ? "pass --api-key or set LONGSHORE_SECRET_KEY"
      : "pass --api-url and --api-key, set LONGSHORE_API_URL and LONGSHORE_SECRET_KEY, or start longshore dev here",
    exitCode: 2,
  });
};

/** A client over the connection. */
export const connect = (connection: Connection): Client =>
  createClient({ baseURL: connection.apiUrl, accessToken: connection.apiKey });
