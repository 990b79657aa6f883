import { type Client, createClient } from "@longshore/sdk";
import { createEnvironmentToken } from "./session.ts";

/** A token is renewed this long before it expires. Units: milliseconds. */
const renewBeforeMs = 60_000;

type Held = { token: string; renewAt: number };

/** Keeps one environment's token, in memory only, and renews it before it expires. */
const tokenKeeper = (environmentId: string) => {
  let held: Promise<Held> | null = null;
  const renew = async (): Promise<Held> => {
    const { token, expiresAt } = await createEnvironmentToken(environmentId);
    const lifetimeMs = Date.parse(expiresAt) - Date.now();
    return { token, renewAt: Date.now() + Math.max(lifetimeMs - renewBeforeMs, lifetimeMs / 2) };
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
    current: async (): Promise<string> => {
      const seen = held ?? start();
      const known = await seen;
      if (Date.now() < known.renewAt) return known.token;
      // Of several callers that find it old, the first renews it for all.
      return (await (held === seen || held === null ? start() : held)).token;
    },
    forget: () => {
      held = null;
    },
  };
};

/** `fetch` with the environment's token; one refusal is answered with a fresh one (clocks differ, keys rotate). */
const authorisedFetch = (environmentId: string): typeof fetch => {
  const tokens = tokenKeeper(environmentId);
  const attempt = async (input: RequestInfo | URL, init: RequestInit | undefined) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${await tokens.current()}`);
    return fetch(input, { ...init, headers });
  };
  return async (input, init) => {
    const response = await attempt(input, init);
    if (response.status !== 401) return response;
    tokens.forget();
    return attempt(input, init);
  };
};

const clients = new Map<string, Client>();

/** The SDK's client for one environment. Cost: none until it is used; then one token now and again. */
export const environmentClient = (environmentId: string): Client => {
  const known = clients.get(environmentId);
  if (known) return known;
  const client = createClient({
    baseURL: window.location.origin,
    accessToken: "",
    fetch: authorisedFetch(environmentId),
    // What is shown is asked for again anyway; an error should be seen at once.
    retry: { maxAttempts: 1 },
  });
  clients.set(environmentId, client);
  return client;
};

/** Drops every token that is held, at sign-out. */
export const forgetEnvironmentClients = (): void => clients.clear();
