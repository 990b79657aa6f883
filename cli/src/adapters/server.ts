/** A started API. */
export type RunningServer = {
  url: string;
  bootstrap: {
    apiKey: string;
    signInUrl: string;
    environmentId: string;
    enrolToken(): Promise<string>;
  };
  close(): Promise<void>;
};

export type StartServer = (
  env: Record<string, string | undefined>,
  options?: { port?: number; dataDir?: string; log?: (line: string) => void },
) => Promise<RunningServer>;

// A plain text, so that the API's modules are loaded by the commands that start it and by no other.
const serverModule: string = "@longshore/edge-api/platform/node";

/** Starts the API in this process: on Postgres when `DATABASE_URL` is set, embedded otherwise. */
export const startServer: StartServer = async (env, options) => {
  const module: { startServer: StartServer } = await import(serverModule);
  return module.startServer(env, options);
};
