import type { Presence } from "./deps.ts";

/** A book of which agents this process has heard since it was last read. */
export const createPresence = (): Presence => {
  const heard = new Map<string, number>();
  return {
    seen: (agentId) => {
      heard.set(agentId, performance.now());
    },
    drain: () => {
      const nowMs = performance.now();
      const beats = [...heard].map(([agentId, atMs]) => ({ agentId, ageMs: nowMs - atMs }));
      heard.clear();
      return beats;
    },
  };
};
