const unitMs: Record<string, number> = {
  w: 604_800_000,
  d: 86_400_000,
  hr: 3_600_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
};

/**
 * Parses durations such as `30s`, `10m`, `1h30m`, `2d`, `1w`.
 *
 * Units: answers milliseconds; `null` when the text is no duration.
 */
export const parseDurationMs = (text: string): number | null => {
  const whole = /^(?:\d+(?:w|d|hr|h|m|s))+$/i;
  if (!whole.test(text)) return null;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(w|d|hr|h|m|s)/gi)) {
    totalMs += Number(count) * (unitMs[(unit ?? "").toLowerCase()] ?? 0);
  }
  return Number.isSafeInteger(totalMs) ? totalMs : null;
};

/**
 * When a `delay` option comes due: a date or a duration from now.
 *
 * Units: Unix milliseconds; `null` when it is already past (then there is no delay); `"invalid"` when it is neither.
 */
export const resolveDelayMs = (delay: string | Date, nowMs: number): number | null | "invalid" => {
  const durationMs = typeof delay === "string" ? parseDurationMs(delay) : null;
  if (durationMs !== null) return durationMs > 0 ? nowMs + durationMs : null;
  const atMs = delay instanceof Date ? delay.getTime() : Date.parse(delay);
  if (Number.isNaN(atMs)) return "invalid";
  return atMs > nowMs ? atMs : null;
};
