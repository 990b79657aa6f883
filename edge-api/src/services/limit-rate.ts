import { type Grant, LocalBuckets, type Rate } from "../hints/buckets.ts";
import type { Caller } from "./authenticate.ts";
import type { Deps } from "./deps.ts";

/*
 * Requests are counted per credential: one bucket each, in Redis where several processes share the work.
 *
 * A request costs no round trip there while its caller is far below the limit: a process takes tokens out of the bucket
 * in chunks and deals them out by itself. A chunk is a twentieth of the bucket, never more than a tenth of what is left,
 * and stands for ten seconds, so processes that hold chunks they do not need cost the caller little, and the last tokens
 * are dealt out one by one, exactly. What a refused caller asks again before its time costs nothing either.
 *
 * R1  Never more than the bucket holds is let through, by all processes together, while Redis answers.
 * R2  Redis away or slow never refuses or delays a request by more than `answerMs`: each process then limits for itself.
 */

/** A process holds its chunk no longer than this. Units: milliseconds. */
const chunkMs = 10_000;
/** Longest wait for Redis, and for how long it is left alone after that (R2). Units: milliseconds. */
const answerMs = 250;
const awayMs = 1_000;
const leasesMax = 10_000;

type Counting = Pick<Deps, "hints" | "settings">;

type Lease = {
  tokens: number;
  untilMs: number;
  /** What was left in the bucket when the chunk was taken. */
  behind: number;
  fullAtMs: number;
  refusedUntilMs: number;
  isAsking: boolean;
};
type Book = { leases: Map<string, Lease>; local: LocalBuckets; awayUntilMs: number };
const books = new WeakMap<Deps["hints"], Book>();

/** What an answer says of the limit. Units: `resetAtMs` Unix milliseconds: when a refused caller may come again, else when the bucket is full. */
export type RateStanding = { isAllowed: boolean; limit: number; remaining: number; resetAtMs: number };

const bookOf = (hints: Deps["hints"]): Book => {
  const known = books.get(hints) ?? { leases: new Map(), local: new LocalBuckets(), awayUntilMs: 0 };
  books.set(hints, known);
  return known;
};

const leaseOf = (book: Book, key: string): Lease => {
  const known = book.leases.get(key);
  if (known !== undefined) return known;
  const fresh = { tokens: 0, untilMs: 0, behind: 0, fullAtMs: 0, refusedUntilMs: 0, isAsking: false };
  book.leases.set(key, fresh);
  const oldest = book.leases.size > leasesMax ? book.leases.keys().next() : undefined;
  if (oldest?.done === false) book.leases.delete(oldest.value);
  return fresh;
};

const withinTime = <T>(work: Promise<T>): Promise<T | null> => {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), answerMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};

const ask = async (deps: Counting, book: Book, key: string, rate: Rate, wanted: number): Promise<Grant> => {
  if (book.awayUntilMs <= performance.now()) {
    const grant = await withinTime(deps.hints.takeTokens(key, rate, wanted));
    if (grant !== null) return grant;
    book.awayUntilMs = performance.now() + awayMs;
  }
  return book.local.take(key, rate, 1);
};

const refill = async (deps: Counting, book: Book, key: string, rate: Rate): Promise<void> => {
  const lease = leaseOf(book, key);
  // Requests that come while a chunk is on its way ask for themselves alone: ten of them must not take ten chunks.
  const wanted = lease.isAsking ? 1 : Math.max(1, Math.floor(rate.burst / 20));
  const isFirst = !lease.isAsking;
  lease.isAsking = true;
  try {
    const grant = await ask(deps, book, key, rate, wanted);
    const nowMs = performance.now();
    if (lease.untilMs <= nowMs) lease.tokens = 0;
    lease.tokens += grant.granted;
    lease.untilMs = nowMs + chunkMs;
    lease.behind = grant.remaining;
    lease.fullAtMs = nowMs + grant.fullInMs;
    if (grant.granted === 0) lease.refusedUntilMs = nowMs + grant.nextInMs;
  } finally {
    if (isFirst) lease.isAsking = false;
  }
};

/**
 * Counts one request of a caller. Public tokens have smaller buckets than keys, people and runs.
 * Shape: null when no limit is set. Errors: none. Cost: none, or one round trip to Redis for each chunk.
 */
export const limitRate = async (
  deps: Counting,
  caller: Pick<Caller, "kind" | "credentialId">,
): Promise<RateStanding | null> => {
  const rate = caller.kind === "token" ? deps.settings.publicRate : deps.settings.keyRate;
  if (rate === null) return null;
  const book = bookOf(deps.hints);
  const key = caller.credentialId;
  const lease = leaseOf(book, key);
  const canServe = () => lease.tokens > 0 && lease.untilMs > performance.now();
  if (!canServe() && lease.refusedUntilMs <= performance.now()) await refill(deps, book, key, rate);
  const isAllowed = canServe();
  if (isAllowed) lease.tokens--;
  const untilMs = isAllowed ? lease.fullAtMs : Math.max(lease.refusedUntilMs, performance.now() + 1);
  return {
    isAllowed,
    limit: rate.burst,
    remaining: isAllowed ? lease.tokens + lease.behind : 0,
    resetAtMs: Math.ceil(Date.now() + Math.max(0, untilMs - performance.now())),
  };
};
