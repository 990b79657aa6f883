import { lastTicks, nextTick, type Recurrence } from "./cron.ts";

/** Longest window in units of time. Units: milliseconds. */
const windowMsMax = 24 * 3_600_000;

type Window = { kind: "duration"; ms: number } | { kind: "share"; share: number };

/** Reads a window: whole minutes or hours up to a day, or a share of the interval. Null when the text is neither. */
export const parseWindow = (text: string): Window | null => {
  const duration = /^(0|[1-9]\d{0,5})([mh])$/.exec(text);
  if (duration) {
    const ms = Number(duration[1]) * (duration[2] === "m" ? 60_000 : 3_600_000);
    return ms <= windowMsMax ? { kind: "duration", ms } : null;
  }
  const share = /^(0|[1-9]\d{0,2})%$/.exec(text);
  return share && Number(share[1]) <= 100 ? { kind: "share", share: Number(share[1]) / 100 } : null;
};

/** A number in [0, 1) that a text always gives: FNV-1a over its characters, mixed once more. */
const fractionOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
};

/** `seed` decides where in its window a schedule fires: always at the same place. */
export type Plan = Recurrence & { window: string | null; seed: string };

/** A tick and when it is to be triggered. Units: Unix milliseconds. */
export type Tick = { tickMs: number; fireMs: number };

const fireOf = (plan: Plan, tickMs: number): number => {
  const window = plan.window === null ? null : parseWindow(plan.window);
  if (window === null) return tickMs;
  const following = nextTick(plan, tickMs);
  const intervalMs = following === null ? windowMsMax : following - tickMs;
  const windowMs = window.kind === "share" ? intervalMs * window.share : Math.min(window.ms, intervalMs);
  return tickMs + Math.floor((fractionOf(plan.seed) * windowMs) / 1_000) * 1_000;
};

/** The first tick after a time that is triggered after it; null when none comes. */
export const planTick = (plan: Plan, afterMs: number): Tick | null => {
  const tickMs = nextTick(plan, afterMs);
  return tickMs === null ? null : { tickMs, fireMs: fireOf(plan, tickMs) };
};

/**
 * What a schedule that is due should do now: the tick to fire, and the one to wait for then. Of the ticks that were
 * missed while nobody looked only the latest is fired: a burst of old ones helps nobody.
 */
export const dueTick = (
  plan: Plan,
  pendingMs: number,
  nowMs: number,
): { fire: number; next: Tick | null } => {
  const latest = lastTicks(plan, nowMs, 2).find((tickMs) => fireOf(plan, tickMs) <= nowMs);
  const fire = Math.max(pendingMs, latest ?? pendingMs);
  return { fire, next: planTick(plan, fire) };
};
