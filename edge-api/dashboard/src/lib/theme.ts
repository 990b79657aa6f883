import { useSyncExternalStore } from "react";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

/** `public/before.js` reads the same key before the first paint. */
const storageKey = "longshore.theme";
const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

const readTheme = (): Theme => {
  const stored = localStorage.getItem(storageKey);
  return stored === "light" || stored === "dark" ? stored : "system";
};

const apply = (): void => {
  const theme = readTheme();
  document.documentElement.classList.toggle(
    "dark",
    theme === "dark" || (theme === "system" && systemDark.matches),
  );
  for (const listener of listeners) listener();
};

/** Follows the system until a theme is chosen. */
export const watchTheme = (): void => {
  apply();
  systemDark.addEventListener("change", apply);
};

export const setTheme = (theme: Theme): void => {
  if (theme === "system") localStorage.removeItem(storageKey);
  else localStorage.setItem(storageKey, theme);
  apply();
};

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useTheme = (): Theme => useSyncExternalStore(subscribe, readTheme);
