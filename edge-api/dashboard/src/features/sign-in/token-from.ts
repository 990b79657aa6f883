/** The token in what was pasted: a sign-in link, or the token itself; `null` when there is none. */
export const tokenFrom = (text: string): string | null => {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (!/^https?:\/\//.test(trimmed)) return /\s/.test(trimmed) ? null : trimmed;
  try {
    return new URL(trimmed).searchParams.get("token");
  } catch {
    return null;
  }
};
