import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { AgentStatus } from "../core/agent-status.ts";
import { metricsText } from "../core/metrics-text.ts";
import { statusPage } from "../core/status-page.ts";
import { listenAtPath } from "./socket-path.ts";

export type LocalApi = {
  status(): AgentStatus;
  /** Takes no more runs, or takes them again. */
  drain(isDraining: boolean): void;
};

const send = (response: ServerResponse, code: number, type: string, body: string): void => {
  response.writeHead(code, {
    "content-type": `${type}; charset=utf-8`,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    connection: "close",
  });
  response.end(body);
};

const json = (response: ServerResponse, code: number, body: unknown): void =>
  send(response, code, "application/json", `${JSON.stringify(body)}\n`);

/** `mayChange`: only who may open the data folder can make the agent drain. */
const serve = (api: LocalApi, home: "page" | "json", mayChange: boolean): Server =>
  createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0];
    const status = api.status();
    const code = status.healthy ? 200 : 503;
    if (request.method === "POST" && mayChange && (path === "/drain" || path === "/undrain")) {
      api.drain(path === "/drain");
      return json(response, 200, api.status());
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return json(response, 405, { error: "only GET is answered here" });
    }
    if (path === "/" && home === "page") return send(response, 200, "text/html", statusPage(status));
    if (path === "/" || path === "/status") return json(response, code, status);
    if (path === "/healthz")
      return send(response, code, "text/plain", status.healthy ? "ok\n" : "the API is silent\n");
    if (path === "/metrics") return send(response, 200, "text/plain; version=0.0.4", metricsText(status));
    if (path === "/page") return send(response, 200, "text/html", statusPage(status));
    return json(response, 404, { error: "not found" });
  });

const listen = (server: Server, at: { host: string; port: number }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, () => resolve());
  });

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
};

/**
 * Says what the agent is doing now, to whoever may open its data folder (`<data>/status.sock`), and with `address` to
 * this host or whom it lets in: `/` (a page there, JSON on the socket), `/status`, `/healthz`, `/metrics`. The socket alone
 * takes `POST /drain` and `/undrain`.
 *
 * Shape: `/` on the socket, `/status` and `/healthz` answer 200 while the API is heard, else 503, with the same body.
 * Errors: an address that is taken.
 */
export const serveLocalApi = async (
  dataDir: string,
  address: { host: string; port: number } | null,
  api: LocalApi,
): Promise<() => Promise<void>> => {
  const path = join(dataDir, "status.sock");
  await rm(path, { force: true });
  const socket = serve(api, "json", true);
  await listenAtPath(socket, path);
  await chmod(path, 0o600);
  socket.unref();
  if (address === null) return () => close(socket);
  const tcp = serve(api, "page", false);
  try {
    await listen(tcp, address);
  } catch (error) {
    await close(socket);
    throw error;
  }
  tcp.unref();
  return async () => {
    await Promise.all([close(tcp), close(socket)]);
  };
};
