import type { Database } from "../db/database.ts";
import type { Rate } from "../hints/buckets.ts";
import type { Hints } from "../hints/hints.ts";

/** Bytes of the blob store, and what they were said to be. */
export type StoredBlob = { body: ReadableStream<Uint8Array>; size: number; contentType: string | null };

/** Where bytes are kept that do not belong in a row: bundles and large packets. Keys are ours and safe as file names. */
export type BlobStore = {
  put(key: string, bytes: Uint8Array, contentType?: string): Promise<void>;
  get(key: string): Promise<StoredBlob | null>;
  /** Nothing happens to a key that is not there. */
  remove(key: string): Promise<void>;
  /** An address that reads or writes it without us, for `lifeS` seconds. A store without one goes through signed routes of ours. */
  presign?(method: "GET" | "PUT", key: string, lifeS: number): Promise<string>;
};

/** One line per event, its fields named. */
export type Log = (event: string, fields: Record<string, unknown>) => void;

/** When idle agents were last heard by this process; a sweep writes it down for all of them at once. */
export type Presence = { seen(agentId: string): void; drain(): { agentId: string; ageMs: number }[] };

/** Settings of the API; each has its default and reason in docs/configuration.md. Units: milliseconds where the name says so. */
export type Settings = {
  /** How often an agent that holds runs must be heard. */
  beatMs: number;
  /** How long a lease stands without a beat, as the agent counts. */
  leaseMs: number;
  /** How long until the API gives a silent agent's work to others: the lease and a margin. */
  silentMs: number;
  /** How long a lease may stay unstarted. */
  startMs: number;
  /** Longest time a poll is held. */
  holdMs: number;
  /** The header in which a trusted proxy names the caller's address; null = there is none. */
  clientAddressHeader: string | null;
  /** Largest archive that is made of parts: it is held in memory once. Units: bytes. */
  assembleBytesMax: number;
  /** Runs that may wait in one queue. Units: runs. */
  queueDepthMax: number;
  /** What each key, person or run may ask; null = as much as it likes. */
  keyRate: Rate | null;
  /** What each public token may ask. */
  publicRate: Rate | null;
};

/** Everything a verb may use. Platform entries build it; nobody else reads the environment. */
export type Deps = {
  db: Database;
  hints: Hints;
  blobs: BlobStore;
  /** The address at which callers reach this API, when it is not that of their request. */
  publicUrl?: string;
  /** Root of every token this API signs. Shape: at least 32 bytes. */
  secret: Uint8Array;
  /** Roots of the keys that seal values at rest, newest first: it seals, all open. */
  encryptionKeys: readonly Uint8Array[];
  settings: Settings;
  log: Log;
  /** Lets work outlive the answer. */
  later(work: Promise<unknown>): void;
  presence: Presence | null;
  /** Whether concurrent triggers of this process share statements. */
  groupsCommits: boolean;
  random(): number;
  /**
   * A JWS in compact form, signed by HMAC-SHA256 in place, where the runtime has it; WebCrypto's goes through a thread pool, for
   * each trigger. Header and payload are JSON text.
   */
  signJws?(key: Uint8Array, header: string, payload: string): string;
};
