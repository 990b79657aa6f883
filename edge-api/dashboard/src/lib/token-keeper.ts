import type { EnvironmentToken } from "@longshore/shared/contract/dashboard";

/** A token is renewed this long before it expires. Units: milliseconds. */
const renewBeforeMs = 60_000;

type Held = { token: string; renewAt: number };

export type TokenKeeper = {
  /** A token that is good now. Cost: a request when there is none, or an old one. */
  current(): Promise<string>;
  /** The held token was refused: the next question makes a new one. */
  forget(): void;
};

/**
 * Keeps one short-lived token, in memory only, and renews it before it expires. However many ask at once, one request
 * is made. `now` answers Unix milliseconds.
 */
export const createTokenKeeper = (
  create: () => Promise<EnvironmentToken>,
  now: () => number = Date.now,
): TokenKeeper => {
  let held: Promise<Held> | null = null;
  const renew = async (): Promise<Held> => {
    const { token, expiresAt } = await create();
    const lifetimeMs = Date.parse(expiresAt) - now();
    return { token, renewAt: now() + Math.max(lifetimeMs - renewBeforeMs, lifetimeMs / 2) };
  };
  const start = (): Promise<Held> => {
    const started = renew();
    held = started;
    // A failed renewal must not be remembered; whoever waits for it gets its error.
    started.catch(() => {
      if (held === started) held = null;
    });
    return started;
  };
  return {
    current: async () => {
      const seen = held ?? start();
      const known = await seen;
      if (now() < known.renewAt) return known.token;
      // Of several callers that find it old, the first renews it for all.
      const renewed = held === seen || held === null ? start() : held;
      return (await renewed).token;
    },
    forget: () => {
      held = null;
    },
  };
};
