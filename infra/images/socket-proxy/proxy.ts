import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as requestEngine,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { json } from "node:stream/consumers";
import { agentLabel, checkCreate, checkUpdate, judge, type Policy, type Verdict } from "./rules.ts";

export type ProxyOptions = {
  /** Unix socket of the Docker engine. */
  engineSocket: string;
  policy: Policy;
  log(line: string): void;
};

const bodyBytesMax = 1024 * 1024;
const knownMax = 10_000;

class Refused extends Error {}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new Refused("the request is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused("the request is no JSON");
  }
};

/** The body of a request that asks for an upgrade: the parser leaves it in the stream. Shape: the body, what follows. */
const takeBody = async (
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<[Buffer, Buffer]> => {
  const length = Number(request.headers["content-length"] ?? 0);
  if (!(length <= bodyBytesMax) || request.headers["transfer-encoding"])
    throw new Refused("the request is too large");
  let have = head;
  while (have.length < length) {
    const [piece] = (await once(client, "data")) as [Buffer];
    client.pause();
    have = Buffer.concat([have, piece]);
  }
  return [have.subarray(0, length), have.subarray(length)];
};

const headLines = (answer: IncomingMessage): string => {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let i = 0; i < answer.rawHeaders.length; i += 2)
    lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
};

/**
 * Stands between an agent and the Docker engine: an agent that was taken over can start containers of its own kind and
 * nothing else.
 *
 * I1  Nothing reaches the engine that `judge` does not allow.
 * I2  A checked body is sent as it was understood (written anew): the engine cannot read it in another way.
 * I3  A container is touched only when the engine says that it carries the agent's label. A full id names one container
 *     for good, so its answer is kept; a name may pass to another and is asked each time.
 */
export const createSocketProxy = ({ engineSocket, policy, log }: ProxyOptions): Server => {
  const known = new Set<string>();

  const isOurs = async (container: string): Promise<boolean> => {
    if (known.has(container)) return true;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const path = `/containers/${container}/json`;
      requestEngine({ socketPath: engineSocket, path }, resolve).once("error", reject).end();
    });
    const seen = (await json(answer)) as { Id?: string; Config?: { Labels?: Record<string, string> | null } };
    // A container that is not there may be asked for: the engine's own 404 says it best.
    if (answer.statusCode === 404) return true;
    if (!seen.Config?.Labels?.[agentLabel]) return false;
    if (known.size >= knownMax) known.clear();
    if (seen.Id) known.add(seen.Id);
    return true;
  };

  /** Errors: `Refused`. Shape: the body to send on, or null when the request's own is to be streamed. */
  const check = async (request: IncomingMessage): Promise<Buffer | null> => {
    const verdict: Verdict = judge(request.method ?? "", request.url ?? "");
    if (verdict.kind === "refuse") throw new Refused(verdict.why); // I1
    if (verdict.container !== null && !(await isOurs(verdict.container)))
      throw new Refused("the container is not an agent's"); // I3
    if (verdict.body === "none") return null;
    const body = parse((await readBody(request)).toString("utf8"));
    const why = verdict.body === "create" ? checkCreate(body, policy) : checkUpdate(body);
    if (why !== null) throw new Refused(`the container is refused: ${why}`);
    return Buffer.from(JSON.stringify(body)); // I2
  };

  const send = (request: IncomingMessage, body: Buffer | null) => {
    const headers = { ...request.headers };
    if (body !== null) {
      delete headers["transfer-encoding"];
      headers["content-length"] = String(body.length);
    }
    const { method, url: path } = request;
    const engine = requestEngine({ socketPath: engineSocket, method, path, headers });
    if (body === null) request.pipe(engine);
    else engine.end(body);
    return engine;
  };

  const why = (request: IncomingMessage, error: unknown): { status: number; text: string } => {
    const isRefusal = error instanceof Refused;
    const message = isRefusal
      ? `socket-proxy: ${error.message}`
      : `socket-proxy: no answer from the engine: ${error}`;
    log(`${request.method} ${request.url?.split("?")[0]}: ${message}`);
    return { status: isRefusal ? 403 : 502, text: JSON.stringify({ message }) };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const fail = (error: unknown): void => {
      if (response.headersSent) return void response.destroy();
      const { status, text } = why(request, error);
      response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(text);
    };
    try {
      const engine = send(request, await check(request));
      engine.once("error", fail);
      response.once("close", () => engine.destroy());
      engine.once("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        response.flushHeaders();
        answer.pipe(response);
        answer.once("error", fail);
      });
    } catch (error) {
      fail(error);
    }
  };

  /**
   * A request that becomes a raw stream (attach): checked alike, and both ends are joined once the engine has agreed.
   * What a client sends after a request that was not upgraded goes nowhere: it could be another request.
   */
  const hijack = async (request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> => {
    const fail = (error: unknown): void => {
      const { status, text } = why(request, error);
      client.end(
        `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
      );
    };
    client.on("error", () => client.destroy());
    try {
      if ((await check(request)) !== null) throw new Refused("agents may not do this");
      const [body, rest] = await takeBody(request, client, head);
      const engine = send(request, body);
      client.once("close", () => engine.destroy());
      engine.once("error", fail);
      engine.once("response", (answer) => {
        client.write(headLines(answer));
        answer.pipe(client);
      });
      engine.once("upgrade", (answer, stream, first) => {
        client.write(headLines(answer));
        client.write(first);
        stream.write(rest);
        stream.on("error", () => client.destroy());
        client.once("close", () => stream.destroy());
        stream.pipe(client).pipe(stream);
      });
    } catch (error) {
      fail(error);
    }
  };

  const server = createServer((request, response) => void handle(request, response));
  server.on("upgrade", (request, client, head) => void hijack(request, client, head));
  // As the engine itself: an idle connection stays, so a client never writes into one that is being closed.
  server.keepAliveTimeout = 0;
  return server;
};
