import { createClient } from "@longshore/sdk";
import { EnvironmentToken, Session } from "@longshore/shared/contract/dashboard";
import { SignInRequest } from "@longshore/shared/contract/sign-in-requests";
import { queryOptions } from "@tanstack/react-query";
import { withoutAuthorization } from "./session-fetch.ts";

/** The cookie's own endpoints; the SDK's bearer token stays out of them. */
const api = createClient({
  baseURL: window.location.origin,
  accessToken: "",
  fetch: withoutAuthorization,
  retry: { maxAttempts: 1 },
});

const nothing = { parse: () => null };

/** Whether the API refused because nobody is signed in. */
export const isSignedOutError = (error: unknown): boolean =>
  error instanceof Error && "status" in error && error.status === 401;

/** Who is signed in; `null` when nobody is. */
export const findSession = async (): Promise<Session | null> => {
  try {
    return await api.request(Session, "GET", "/api/v1/session");
  } catch (error) {
    if (isSignedOutError(error)) return null;
    throw error;
  }
};

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: findSession,
  staleTime: 60_000,
});

/** Spends a sign-in token. Errors: 401 when it was used or has expired. */
export const signIn = (token: string): Promise<Session> =>
  api.request(Session, "POST", "/api/v1/session/sign-in", { body: { token } });

export const signOut = (): Promise<null> => api.request(nothing, "DELETE", "/api/v1/session");

/** A short-lived token for one environment's API. */
export const createEnvironmentToken = (environmentId: string): Promise<EnvironmentToken> =>
  api.request(
    EnvironmentToken,
    "POST",
    `/api/v1/session/environments/${encodeURIComponent(environmentId)}/token`,
    { body: {} },
  );

const requestPath = (code: string): string => `/api/v1/session/sign-in-requests/${encodeURIComponent(code)}`;

/** The program that asks to be signed in. Errors: 404 when the code is unknown or too old. */
export const signInRequestQuery = (code: string) =>
  queryOptions({
    queryKey: ["sign-in-request", code],
    queryFn: () => api.request(SignInRequest, "GET", requestPath(code)),
    retry: false,
  });

/** Allows or refuses it: the first decision stands. */
export const decideSignIn = (code: string, verb: "approve" | "refuse"): Promise<SignInRequest> =>
  api.request(SignInRequest, "POST", `${requestPath(code)}/${verb}`, { body: {} });
