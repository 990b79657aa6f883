import {
  createServer,
  type IncomingMessage,
  request as requestEngine,
  type Server,
  type ServerResponse,
} from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type Checked, checkCreate, checkNetwork, checkUpdate } from "./check-body.ts";
import { whyNotMounted } from "./check-folders.ts";
import { agentLabel, gateLabel, isAllowedImage, type Policy } from "./policy.ts";
import { type BodyKind, judge, type Verdict } from "./routes.ts";

export type GateOptions = {
  /** Unix socket of the Docker engine. */
  engineSocket: string;
  policy: Policy;
  log(line: string): void;
};

/** Units: bytes. */
const bodyBytesMax = 256 * 1024;
const knownMax = 10_000;
/** How long the engine may take for what the gate itself asks. Units: milliseconds. */
const askMs = 30_000;
/** How often a container that must not live is killed, and the pause between. Units: milliseconds. */
const killsMax = 5;
const killPauseMs = 200;
/** What a client may say about its request; credentials for a registry among it. */
const headersPassed = ["user-agent", "accept", "x-registry-auth"];

class Refused extends Error {}

type Allowed = Extract<Verdict, { kind: "allow" }>;
/** A request as it goes to the engine. */
type Order = { method: string; path: string; headers: Record<string, string>; body: Buffer; binds: string[] };
type Inspected = {
  Id?: string;
  Config?: { Labels?: Record<string, string> | null };
  HostConfig?: { Binds?: string[] | null };
};

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

/** Errors: `Refused` for anything but names with texts, which is more than the engine would take. */
const readFilters = (text: string): Record<string, string[]> => {
  const given = text === "" ? {} : parse(text);
  if (typeof given !== "object" || given === null) throw new Refused("the filters are no object");
  const entries = Object.entries(given).map(([name, values]): [string, string[]] => {
    const all: unknown[] = Array.isArray(values) ? values : Object.keys(Object(values));
    if (!/^[a-z-]+$/.test(name) || !all.every((one) => typeof one === "string"))
      throw new Refused("the filters cannot be understood");
    return [name, all as string[]];
  });
  return Object.fromEntries(entries);
};

const bindSources = (seen: Inspected): string[] =>
  (seen.HostConfig?.Binds ?? []).map((bind) => bind.split(":")[0] ?? "");

/**
 * Stands between an agent and the Docker engine: an agent that was taken over can start containers of its own kind and
 * nothing else.
 *
 * I1  Nothing reaches the engine that `judge` does not allow; no connection becomes a raw stream.
 * I2  A body is sent as it was understood, written anew, or not at all: the engine cannot read it in another way.
 * I3  A container is touched by its full id, and only when the engine says that it carries this gate's mark, which only
 *     this gate writes. A full id names one container for good, so its answer is kept.
 * I4  Lists and events are asked for with the mark as a filter.
 * I5  What a container mounts is looked at when it is made, before it is started, and after, whatever the engine answered and
 *     whether or not its client has waited: one that was made to mount another folder in between is killed.
 * I6  A client that goes ends what it asked of the engine, but for a start (I5).
 */
export const createGate = ({ engineSocket, policy, log }: GateOptions): Server => {
  /** Full id → the folders it mounts. */
  const known = new Map<string, string[]>();

  const ask = async <T>(method: string, path: string): Promise<{ status: number; answer: T | null }> => {
    const signal = AbortSignal.timeout(askMs);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      requestEngine({ socketPath: engineSocket, path, method, signal }, resolve).once("error", reject).end();
    });
    const said = (await json(answer).catch(() => null)) as T | null;
    return { status: answer.statusCode ?? 502, answer: said };
  };
  const inspect = (name: string) => ask<Inspected>("GET", `/containers/${name}/json`);

  /** Shape: its full id; null when there is none of that name. Errors: `Refused`. */
  const findOwn = async (name: string): Promise<string | null> => {
    if (known.has(name)) return name;
    const { status, answer } = await inspect(name);
    if (status === 404) return null;
    const labels = answer?.Config?.Labels ?? {};
    if (!answer?.Id || labels[gateLabel] !== policy.owner || !labels[agentLabel])
      throw new Refused("the container is not this agent's");
    if (known.size >= knownMax) known.clear();
    known.set(answer.Id, bindSources(answer));
    return answer.Id;
  };

  const understand = (kind: BodyKind, body: Buffer): Checked => {
    if (kind === "none") return { kind: "ok", body: {}, binds: [] };
    const given = parse(body.toString("utf8"));
    if (kind === "create") return checkCreate(given, policy);
    return kind === "update" ? checkUpdate(given, policy) : checkNetwork(given, policy);
  };

  const narrow = (query: URLSearchParams): void => {
    const filters = readFilters(query.get("filters") ?? "");
    filters.label = [...(filters.label ?? []), `${gateLabel}=${policy.owner}`];
    query.set("filters", JSON.stringify(filters)); // I4
  };

  const checkSubject = async ({ subject, path }: Allowed): Promise<string> => {
    switch (subject.kind) {
      case "engine":
        return path;
      case "image":
        if (isAllowedImage(subject.name, policy)) return path;
        throw new Refused(`the image ${subject.name} is not one of LONGSHORE_GATE_IMAGES`);
      case "network":
        if (policy.networks.includes(subject.name)) return path;
        throw new Refused(`the network ${subject.name} is not the agent's`);
      case "container": {
        const id = await findOwn(subject.name);
        // The engine says best that there is none; an id that cannot be is asked for, so that none comes up meanwhile.
        return path.replace(/\/containers\/[^/]+/, `/containers/${id ?? "0".repeat(64)}`); // I3
      }
    }
  };

  const mustBeMountable = (folders: readonly string[]): void => {
    const why = whyNotMounted(folders, policy.dataDir);
    if (why !== null) throw new Refused(`the container is refused: ${why}`);
  };

  /** Errors: `Refused`. */
  const prepare = async (request: IncomingMessage): Promise<Order> => {
    const method = request.method ?? "";
    const verdict = judge(method, request.url ?? "");
    if (verdict.kind === "refuse") throw new Refused(verdict.why); // I1
    const body = await readBody(request);
    const { query } = verdict;
    const name = verdict.body === "create" ? (query.get("name") ?? "") : "";
    if (name && !/^longshore-[\w.-]{1,200}$/.test(name))
      throw new Refused(`a container of an agent is not called ${name}`);
    const checked = understand(verdict.body, body);
    if (checked.kind === "refuse") throw new Refused(`it is refused: ${checked.why}`);
    mustBeMountable(checked.binds);
    if (verdict.isFiltered) narrow(query);
    const path = await checkSubject(verdict);
    const headers: Record<string, string> = { host: "docker" };
    for (const header of headersPassed) {
      const value = request.headers[header];
      if (typeof value === "string") headers[header] = value;
    }
    const started = /\/containers\/(\w+)\/start$/.exec(path)?.[1];
    const binds = (started && known.get(started)) || [];
    mustBeMountable(binds); // I5
    const sent = verdict.body === "none" ? Buffer.alloc(0) : Buffer.from(JSON.stringify(checked.body)); // I2
    if (sent.length > 0) headers["content-type"] = "application/json";
    if (method === "POST") headers["content-length"] = String(sent.length);
    const asked = query.size > 0 ? `${path}?${query}` : path;
    return { method, path: asked, headers, body: sent, binds };
  };

  const send = (
    { method, path, headers, body }: Order,
    gone: AbortSignal | undefined,
  ): Promise<[IncomingMessage, () => void]> =>
    new Promise((resolve, reject) => {
      const engine = requestEngine({
        ...{ socketPath: engineSocket, method, path, headers },
        ...(gone === undefined ? {} : { signal: gone }),
      });
      engine.once("error", reject);
      engine.once("response", (answer) => resolve([answer, () => engine.destroy()]));
      engine.end(body);
    });

  /** Ends a container whatever it takes. Shape: whether the engine says that it is dead. */
  const endForGood = async (path: string): Promise<boolean> => {
    const isDone = (asked: { status: number } | null): boolean =>
      // Not running any more, or not there.
      asked !== null && [204, 404, 409].includes(asked.status);
    for (let tries = 0; tries < killsMax; tries++) {
      if (isDone(await ask("POST", `${path}/kill`).catch(() => null))) return true;
      await sleep(killPauseMs);
    }
    return isDone(await ask("DELETE", `${path}?force=1`).catch(() => null));
  };

  /** Looks again at what a container mounts that was to be started. Errors: `Refused`, with the container dead. */
  const verifyStarted = async ({ path, binds }: Order): Promise<void> => {
    const why = whyNotMounted(binds, policy.dataDir);
    if (why === null) return;
    const isDead = await endForGood(path.replace(/\/start$/, ""));
    throw new Refused(
      isDead
        ? `the container was killed: ${why}`
        : `the container could not be killed, end it by hand: ${why}`,
    ); // I5
  };

  const why = (request: IncomingMessage, error: unknown): { status: number; text: string } => {
    const isRefusal = error instanceof Refused;
    const message = isRefusal
      ? `docker-gate: ${error.message}`
      : `docker-gate: no answer from the engine: ${error instanceof Error ? error.message : error}`;
    log(`${request.method} ${request.url?.split("?")[0]}: ${message}`);
    return { status: isRefusal ? 403 : 502, text: JSON.stringify({ message }) };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const fail = (error: unknown): void => {
      if (response.headersSent) return void response.destroy();
      const { status, text } = why(request, error);
      response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(text);
    };
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      const order = await prepare(request);
      const isStart = order.binds.length > 0;
      const [answer, leave] = isStart
        ? await send(order, undefined).finally(() => verifyStarted(order)) // I5
        : await send(order, gone.signal); // I6
      gone.signal.addEventListener("abort", leave);
      if (gone.signal.aborted) leave();
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      response.flushHeaders();
      answer.once("error", fail);
      answer.pipe(response);
    } catch (error) {
      fail(error);
    }
  };

  const server = createServer((request, response) => void handle(request, response));
  // I1: attach, exec and sessions begin with an upgrade; what follows it would be unseen.
  server.on("upgrade", (request, client) => {
    const { text } = why(request, new Refused("no connection becomes a raw stream"));
    client.on("error", () => client.destroy());
    client.end(
      `HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
    );
  });
  // As the engine itself: an idle connection stays, so a client never writes into one that is being closed.
  server.keepAliveTimeout = 0;
  return server;
};
