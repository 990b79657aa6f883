const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A duration as people read it: `84 ms`, `1.2 s`, `3 m 05 s`, `2 h 10 m`, `4 d 3 h`. Units: milliseconds. */
export const formatDuration = (ms: number): string => {
  const span = Math.max(0, ms);
  if (span < secondMs) return `${Math.round(span)} ms`;
  if (span < 9_950) return `${(span / secondMs).toFixed(1)} s`;
  if (span < minuteMs) return `${Math.floor(span / secondMs)} s`;
  const two = (count: number) => String(Math.floor(count)).padStart(2, "0");
  if (span < hourMs) return `${Math.floor(span / minuteMs)} m ${two((span % minuteMs) / secondMs)} s`;
  if (span < dayMs) return `${Math.floor(span / hourMs)} h ${two((span % hourMs) / minuteMs)} m`;
  return `${Math.floor(span / dayMs)} d ${Math.floor((span % dayMs) / hourMs)} h`;
};

/** How long ago (or ahead) something is, in one unit: `just now`, `42 s ago`, `in 3 m`. */
export const formatRelative = (at: Date, nowMs: number): string => {
  const deltaMs = nowMs - at.getTime();
  const span = Math.abs(deltaMs);
  // The two clocks may differ by a moment: nothing just made is shown as of the future.
  if (span < 2 * secondMs) return "just now";
  const text =
    span < minuteMs
      ? `${Math.floor(span / secondMs)} s`
      : span < hourMs
        ? `${Math.floor(span / minuteMs)} m`
        : span < dayMs
          ? `${Math.floor(span / hourMs)} h`
          : `${Math.floor(span / dayMs)} d`;
  return deltaMs >= 0 ? `${text} ago` : `in ${text}`;
};

const absolute = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
  hourCycle: "h23",
});

export const formatAbsolute = (at: Date): string => absolute.format(at);

/** The time of day to the millisecond, as logs show it. */
export const formatClock = (at: Date): string => {
  const two = (value: number) => String(value).padStart(2, "0");
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
};

/** Enough of an id to tell it from its neighbours: ids start with the time, so the end is what differs. */
export const shortId = (id: string): string => {
  const cut = id.indexOf("_");
  const body = id.slice(cut + 1);
  return body.length <= 10 ? id : `${id.slice(0, cut + 1)}…${body.slice(-7)}`;
};
