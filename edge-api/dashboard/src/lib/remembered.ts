/** What this browser remembers between visits; nothing secret. A browser without storage just forgets. */
export const remember = (key: string, value: string): void => {
  try {
    localStorage.setItem(`longshore.${key}`, value);
  } catch {
    // Full or forbidden: it is a convenience.
  }
};

export const recall = (key: string): string | null => {
  try {
    return localStorage.getItem(`longshore.${key}`);
  } catch {
    return null;
  }
};
