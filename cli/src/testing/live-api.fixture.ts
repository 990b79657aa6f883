import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startServer } from "@longshore/edge-api/platform/node";
import { CreatedPersonalToken } from "@longshore/shared/contract/credentials";

/** The real API on an embedded Postgres, and a person who is signed in to its dashboard. */
export type LiveApi = {
  url: string;
  apiKey: string;
  projectRef: string;
  /** Asks as the person's browser does. */
  browse(method: string, path: string, json?: unknown): Promise<{ status: number; json: unknown }>;
  /** A personal token of the person. */
  personalToken(): Promise<{ id: string; token: string }>;
  close(): Promise<void>;
};

export const startLiveApi = async (): Promise<LiveApi> => {
  const dataDir = await mkdtemp(path.join(tmpdir(), "longshore-live-"));
  const server = await startServer({}, { port: 0, dataDir, log: () => {} });
  const { bootstrap, url } = server;
  const token = new URL(await bootstrap.signInUrl()).searchParams.get("token");
  const send = (method: string, address: string, headers: Record<string, string>, json?: unknown) =>
    fetch(`${url}${address}`, {
      method,
      headers: { ...headers, ...(json === undefined ? {} : { "content-type": "application/json" }) },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
  const signedIn = await send("POST", "/api/v1/session/sign-in", {}, { token });
  const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const browse: LiveApi["browse"] = async (method, address, json) => {
    const answer = await send(method, address, { cookie }, json);
    return { status: answer.status, json: await answer.json().catch(() => null) };
  };
  return {
    url,
    apiKey: bootstrap.apiKey ?? "",
    projectRef: bootstrap.projectRef,
    browse,
    personalToken: async () =>
      CreatedPersonalToken.parse((await browse("POST", "/api/v1/session/tokens", { name: "test" })).json),
    close: async () => {
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};
