/** A timestamp of the database as clients read it: ISO 8601 in UTC with milliseconds. */
export const wireDate = (stored: string): string => {
  // Postgres' own text form ("2026-01-31 12:00:00.5+00") lacks the T and the minutes of the offset.
  const text = stored.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");
  return new Date(text).toISOString();
};

/** The same for a time that may be missing. */
export const wireDateOrNull = (stored: string | null): string | null =>
  stored === null ? null : wireDate(stored);
