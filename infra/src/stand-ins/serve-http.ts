import { createServer, type RequestListener, type Server } from "node:http";

/** A listening HTTP server. `close` ends open connections too and answers when all are gone. */
export interface HttpServer {
  server: Server;
  url: string;
  close(): Promise<void>;
}

/**
 * Listens on loopback with Nagle's algorithm off and connections kept alive, because callers measure latency.
 *
 * Shape: port 0 takes a free one.
 */
export async function serveHttp(listener: RequestListener, port = 0): Promise<HttpServer> {
  const server = createServer({ noDelay: true, keepAliveTimeout: 75_000 }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (!address || typeof address === "string") throw new Error("the server has no port");
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { server, url: `http://127.0.0.1:${address.port}`, close };
}
