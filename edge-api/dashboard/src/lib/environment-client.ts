import { type Client, createClient } from "@longshore/sdk";
import { createEnvironmentToken } from "./session.ts";
import { createTokenKeeper } from "./token-keeper.ts";

/** `fetch` with the environment's token; one refusal is answered with a fresh one (clocks differ, keys rotate). */
const authorisedFetch = (environmentId: string): typeof fetch => {
  const tokens = createTokenKeeper(() => createEnvironmentToken(environmentId));
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
