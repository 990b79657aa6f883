/** How much is let through. Units: `perSecond` in the long run, `burst` at once. */
export type Rate = { perSecond: number; burst: number };

/**
 * What a caller got of a bucket. Units: tokens; `fullInMs` until nothing of it is used, `nextInMs` until there is
 * another token (0 while there is one).
 */
export type Grant = { granted: number; remaining: number; fullInMs: number; nextInMs: number };

/** Nobody who asks for several gets more than this part of what is left, so that the last ones are dealt out singly. */
const shareMax = 0.1;

/**
 * Takes tokens by GCRA: one number a bucket, the time at which it will be full (`tat`). Source: ITU-T I.371, annex A.
 * Units: milliseconds of any clock.
 */
export const takeByTat = (
  tat: number,
  nowMs: number,
  rate: Rate,
  wanted: number,
): { tat: number; grant: Grant } => {
  const intervalMs = 1_000 / rate.perSecond;
  const from = Math.max(tat, nowMs);
  const free = Math.max(0, Math.floor((nowMs + rate.burst * intervalMs - from) / intervalMs + 1e-6));
  const granted = Math.min(wanted, free, Math.max(1, Math.floor(free * shareMax)));
  const next = from + granted * intervalMs;
  const isEmpty = free - granted < 1;
  const nextInMs = isEmpty ? Math.max(1, Math.ceil(next + intervalMs - nowMs - rate.burst * intervalMs)) : 0;
  return {
    tat: next,
    grant: { granted, remaining: free - granted, fullInMs: Math.ceil(next - nowMs), nextInMs },
  };
};

/** The same in Redis, by its own clock. Shape: KEYS the bucket; ARGV perSecond, burst, wanted. */
export const takeScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local interval = 1000 / tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local free = math.max(0, math.floor((now + burst * interval - tat) / interval + 1e-6))
local granted = math.min(tonumber(ARGV[3]), free, math.max(1, math.floor(free * ${shareMax})))
tat = tat + granted * interval
if granted > 0 then
  redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', math.ceil(tat - now) + 1000)
end
local next = 0
if free - granted < 1 then next = math.max(1, math.ceil(tat + interval - now - burst * interval)) end
return { granted, free - granted, math.ceil(tat - now), next }`;

/** Reads the script's answer. Errors: null for anything else. */
export const readGrant = (answer: unknown): Grant | null => {
  if (!Array.isArray(answer) || answer.length !== 4) return null;
  const [granted = 0, remaining = 0, fullInMs = 0, nextInMs = 0] = answer.map(Number);
  return { granted, remaining, fullInMs, nextInMs };
};

/** Buckets of this process alone, bounded in number: the oldest is forgotten, and thereby full again. */
export class LocalBuckets {
  private readonly tats = new Map<string, number>();

  constructor(private readonly bucketsMax = 10_000) {}

  take(key: string, rate: Rate, wanted: number): Grant {
    const { tat, grant } = takeByTat(this.tats.get(key) ?? 0, performance.now(), rate, wanted);
    this.tats.delete(key);
    this.tats.set(key, tat);
    const oldest = this.tats.size > this.bucketsMax ? this.tats.keys().next() : undefined;
    if (oldest?.done === false) this.tats.delete(oldest.value);
    return grant;
  }
}
