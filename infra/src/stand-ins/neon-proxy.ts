import type { IncomingMessage, ServerResponse } from "node:http";
import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import pg from "pg";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { answerNeonHttp } from "./neon-http.ts";
import { readBody } from "./read-body.ts";
import { serveHttp } from "./serve-http.ts";

const POOL_CONNECTIONS_MAX = 20;
const BUFFERED_BYTES_MAX = 8 * 1024 * 1024;

/** A running stand-in. `url` + `/sql` is the fetch endpoint, `/v2` the WebSocket relay. */
export interface NeonProxy {
  url: string;
  /** What a Neon client takes as its connection string. */
  connectionString: string;
  close(): Promise<void>;
}

/**
 * Stands in for Neon's edge in front of a real Postgres: SQL over HTTP (`POST /sql`) and the WebSocket relay
 * (`/v2?address=host:port`).
 *
 * The server is always that of `databaseUrl`; user, password and database come from the client's connection string, so
 * Postgres itself checks them. The relay reaches no other address.
 *
 * Shape: a client sets `neonConfig.fetchEndpoint = url + "/sql"`; for WebSockets `wsProxy`, `useSecureWebSocket`,
 * `pipelineTLS` and `pipelineConnect` false.
 */
export async function startNeonProxy({
  databaseUrl,
  port,
}: {
  databaseUrl: string;
  port?: number;
}): Promise<NeonProxy> {
  const pools = new Map<string, pg.Pool>();
  const http = await serveHttp((request, response) => void handle(request, response), port);
  const relay = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const target = new URL(databaseUrl);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST" || !request.url?.startsWith("/sql"))
      return reply(response, 404, { message: "the stand-in answers POST /sql" });
    const connectionString = onTarget(request.headers["neon-connection-string"], target);
    if (!connectionString)
      return reply(response, 400, { message: "Neon-Connection-String is missing or wrong" });
    if (request.headers["neon-raw-text-output"] !== "true")
      return reply(response, 400, { message: "the stand-in knows only Neon-Raw-Text-Output: true" });
    const input = await readBody(request).catch(() => undefined);
    const answer = await answerNeonHttp(poolFor(connectionString), request.headers, input);
    reply(response, answer.status, answer.body);
  }

  function poolFor(connectionString: string): pg.Pool {
    const known = pools.get(connectionString);
    if (known) return known;
    const pool = new pg.Pool({
      connectionString,
      max: POOL_CONNECTIONS_MAX,
      connectionTimeoutMillis: 10_000,
    });
    // An idle connection that Postgres ends is replaced at the next query.
    pool.on("error", () => undefined);
    pools.set(connectionString, pool);
    return pool;
  }

  http.server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isAllowed(request, target)) return socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    relay.handleUpgrade(request, socket, head, (client) => join(client, target));
  });

  const close = async () => {
    for (const client of relay.clients) client.terminate();
    await http.close();
    await Promise.all([...pools.values()].map((pool) => pool.end()));
  };
  return { url: http.url, connectionString: databaseUrl, close };
}

/** The client's user, password and database on the one server we stand in front of. */
function onTarget(header: string | string[] | undefined, target: URL): string | undefined {
  if (typeof header !== "string" || !URL.canParse(header)) return undefined;
  const url = new URL(header);
  url.host = target.host;
  url.port = target.port;
  url.search = target.search;
  return url.href;
}

function isAllowed(request: IncomingMessage, target: URL): boolean {
  const url = new URL(request.url ?? "/", "http://stand-in");
  const address = url.searchParams.get("address");
  return url.pathname === "/v2" && address === `${target.hostname}:${target.port || 5432}`;
}

/** Bytes both ways until either side ends; a side that reads too slowly pauses the other. */
function join(client: WebSocket, target: URL): void {
  const postgres = createConnection({
    host: target.hostname,
    port: Number(target.port || 5432),
    noDelay: true,
  });
  client.on("message", (data: RawData) => {
    if (!postgres.write(toBuffer(data))) client.pause();
  });
  postgres.on("drain", () => client.resume());
  postgres.on("data", (data) => {
    client.send(data, () => postgres.resume());
    if (client.bufferedAmount > BUFFERED_BYTES_MAX) postgres.pause();
  });
  client.on("close", () => postgres.destroy());
  client.on("error", () => postgres.destroy());
  postgres.on("close", () => client.close());
  postgres.on("error", () => client.close(1011, "Postgres does not answer"));
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
