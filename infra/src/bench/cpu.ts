import { readdirSync, readFileSync } from "node:fs";
import type pg from "pg";

/** Clock ticks of /proc/…/stat: the same on every Linux of the last decades. Units: milliseconds. */
const tickMs = 10;

type Usage = { parent: number; ownMs: number; reapedMs: number };

const readUsage = (pid: number | string): Usage | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command stands in brackets and may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = (place: number) => Number(fields[place - 3]) * tickMs;
    return { parent: Number(fields[1]), ownMs: ticks(14) + ticks(15), reapedMs: ticks(16) + ticks(17) };
  } catch {
    return null;
  }
};

/** Processor time that a process has used so far; null where /proc does not tell. Units: milliseconds. */
export const processCpuMs = (pid: number): number | null => readUsage(pid)?.ownMs ?? null;

/** The same for a Postgres on this machine and all that works for it; null when it runs elsewhere. */
export const postgresCpuMs = async (sql: pg.Client): Promise<number | null> => {
  const { rows } = await sql.query<{ pid: number }>("select pg_backend_pid() as pid");
  const postmaster = readUsage(rows[0]?.pid ?? 0)?.parent;
  const top = postmaster === undefined ? null : readUsage(postmaster);
  if (postmaster === undefined || top === null) return null;
  const children = readdirSync("/proc").flatMap((name) =>
    /^\d+$/.test(name) ? (readUsage(name) ?? []) : [],
  );
  const living = children.filter(({ parent }) => parent === postmaster);
  return top.ownMs + top.reapedMs + living.reduce((sum, { ownMs }) => sum + ownMs, 0);
};
