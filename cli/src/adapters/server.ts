/** A started API. */
export type RunningServer = {
  url: string;
  bootstrap: {
    /** Null when an earlier start made it: a shared database keeps only its hash. */
    apiKey: string | null;
    /** A one-time sign-in link; null where the server was told not to print one. */
    signInUrl: string | null;
    environmentId: string;
    enrolToken(): Promise<string>;
  };
  close(): Promise<void>;
};

/** Starts the API in this process: on Postgres when `DATABASE_URL` is set, embedded otherwise. */
export const startServer = async (
  env: Record<string, string | undefined>,
  options: { port?: number; dataDir?: string; log?: (line: string) => void } = {},
): Promise<RunningServer> => {
  // Loaded by the commands that start it and by no other.
  const { startServer: start } = await import("@longshore/edge-api/platform/node");
  const server = await start(env, options);
  const { apiKey, environmentId, enrolToken } = server.bootstrap;
  const signInUrl = server.printsSignIn ? await server.bootstrap.signInUrl() : null;
  return {
    url: server.url,
    bootstrap: { apiKey, signInUrl, environmentId, enrolToken },
    close: server.close,
  };
};
