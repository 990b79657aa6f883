const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const isNumber = (field: string): boolean => /^\d{1,2}$/.test(field);
const clock = (hour: string, minute: string): string => `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;

const dayOf = (day: string, month: string, weekday: string): string | null => {
  if (month !== "*") return null;
  if (day === "*" && weekday === "*") return "every day";
  if (day === "*" && weekday === "1-5") return "Monday to Friday";
  if (day === "*" && isNumber(weekday)) return `every ${days[Number(weekday)]}`;
  if (isNumber(day) && weekday === "*") return `on day ${Number(day)} of the month`;
  return null;
};

/** A cron expression in words, for the usual shapes; for others the expression itself. */
export const describeCron = (cron: string): string => {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = cron.trim().split(/\s+/);
  const rest = dayOf(day, month, weekday);
  const fallback = `At the times of "${cron.trim()}"`;
  if (rest === null) return fallback;
  const suffix = rest === "every day" ? "" : `, ${rest}`;
  const step = /^\*\/(\d{1,2})$/.exec(minute)?.[1];
  if (hour === "*" && minute === "*") return `Every minute${suffix}`;
  if (hour === "*" && step !== undefined) return `Every ${Number(step)} minutes${suffix}`;
  if (hour === "*" && isNumber(minute)) return `At minute ${Number(minute)} of every hour${suffix}`;
  if (isNumber(hour) && isNumber(minute)) return `At ${clock(hour, minute)}, ${rest}`;
  return fallback;
};
