import { existsSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/pglite";
import { type Database, readJson } from "../db/database.ts";

/** A data folder to begin with, so that a new database need not be made from nothing: tests make hundreds. */
const template = (): string | undefined => process.env.LONGSHORE_EMBEDDED_TEMPLATE || undefined;

/** Shape: where the data is, or undefined for memory; `remove` for what nobody keeps. */
const placeData = async (
  dataDir: string | undefined,
): Promise<{ dir: string | undefined; remove(): Promise<void> }> => {
  const from = template();
  const nothing = async () => undefined;
  if (from === undefined || (dataDir !== undefined && existsSync(dataDir)))
    return { dir: dataDir, remove: nothing };
  const dir = dataDir ?? (await mkdtemp(join(tmpdir(), "longshore-pglite-")));
  await cp(from, dir, { recursive: true });
  return {
    dir,
    remove: dataDir === undefined ? () => rm(dir, { recursive: true, force: true }) : nothing,
  };
};

/**
 * Postgres inside this process, kept in a folder (or in memory when there is none). One session: statements queue up.
 *
 * Cost: the first start makes the data folder and takes some seconds, later ones under one.
 */
export const openPglite = async (
  dataDir: string | undefined,
): Promise<{ db: Database; pglite: PGlite; close(): Promise<void> }> => {
  const { dir, remove } = await placeData(dataDir);
  const pglite = await PGlite.create(dir ?? "memory://");
  const call = async (text: string, values: readonly unknown[]) => {
    const result = await pglite.query<unknown[]>(text, [...values], { rowMode: "array" });
    return readJson(result.rows);
  };
  const close = async (): Promise<void> => {
    await pglite.close();
    await remove();
  };
  return { db: { call, read: drizzle(pglite) }, pglite, close };
};
