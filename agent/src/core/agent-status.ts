import type { Measured } from "./meter.ts";
import type { Room } from "./room.ts";

/** What an agent says of itself, on its own host. */
export type AgentStatus = {
  agentId: string;
  name: string;
  version: string;
  runtime: string;
  /** Units: milliseconds since this process began. */
  upMs: number;
  slots: number;
  free: number;
  /** What it may give to its runs together, and what is left of that; null where only their number counts. */
  capacity: Room | null;
  room: Room | null;
  /** Runs that are being started or executed here; waiting ones hold no slot. */
  running: number;
  waiting: number;
  /** Containers that are ready and have no run: without code, with it, and those of them whose next executor has loaded it. */
  pool: { generic: number; forked: number; warm: number; prepared: number };
  held: { runId: string; epoch: number; isEnding?: boolean | undefined }[];
  outbox: { facts: number; bytes: number };
  /** Since the API was last heard. Units: milliseconds. */
  silentMs: number;
  /** How long runs go on while it is not heard: what it granted, and what was asked for. Units: milliseconds. */
  runsForMs: number;
  asksMs: number | null;
  paused: boolean;
  draining: boolean;
  /** Whether somebody on this host asked for it: then only somebody on this host can take it back. */
  drainingHere: boolean;
  /** The API was heard within a lease. */
  healthy: boolean;
  /** Why fewer runs are claimed than there are slots; none when all is well. */
  problems: string[];
  lastError: { at: string; message: string } | null;
  /** What each loop is doing now. */
  loops: Record<string, string>;
  measured: Measured;
};
