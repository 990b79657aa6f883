import http from "node:http";
import https from "node:https";

export type HttpRequest = {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string | null;
  /** The whole exchange must end within this. Units: milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
};

export type HttpAnswer = { status: number; headers: Record<string, string>; body: Buffer };

/** The peer did not answer in time. */
export class HttpTimeoutError extends Error {
  constructor(ms: number) {
    super(`no answer within ${Math.round(ms / 1000)} s`);
    this.name = "HttpTimeoutError";
  }
}

const exchange = (
  agent: http.Agent,
  request: HttpRequest,
): Promise<HttpAnswer> & { reused?: () => boolean } => {
  let outgoing: http.ClientRequest | undefined;
  const result: Promise<HttpAnswer> & { reused?: () => boolean } = new Promise<HttpAnswer>(
    (resolve, reject) => {
      const { url, method, signal, timeoutMs } = request;
      const send = url.protocol === "https:" ? https.request : http.request;
      const body = request.body === null ? null : Buffer.from(request.body);
      const headers = { ...request.headers, ...(body ? { "content-length": String(body.length) } : {}) };
      const sent = send(url, { method, headers, agent, signal }, (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("error", fail);
        incoming.on("end", () => {
          clearTimeout(timer);
          const flat = Object.entries(incoming.headers).map(([k, v]) => [k, String(v)] as const);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: Object.fromEntries(flat),
            body: Buffer.concat(parts),
          });
        });
      });
      const fail = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      const timer = setTimeout(() => sent.destroy(new HttpTimeoutError(timeoutMs)), timeoutMs);
      sent.on("error", fail);
      sent.end(body ?? undefined);
      outgoing = sent;
    },
  );
  result.reused = () => outgoing?.reusedSocket === true;
  return result;
};

/**
 * HTTP with kept-alive connections and nothing else: no redirects, no proxies, no cookies.
 *
 * Errors: rejects on network errors, `HttpTimeoutError`, and `AbortError`; any status is an answer. A kept connection
 * that the peer had just closed is tried once more on a new one, which is safe as nothing was answered on it.
 */
export const createHttpClient = () => {
  const agents = {
    "http:": new http.Agent({ keepAlive: true, maxFreeSockets: 16 }),
    "https:": new https.Agent({ keepAlive: true, maxFreeSockets: 16 }),
  };
  return {
    async request(request: HttpRequest): Promise<HttpAnswer> {
      const agent = request.url.protocol === "https:" ? agents["https:"] : agents["http:"];
      const first = exchange(agent, request);
      try {
        return await first;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        const closedBefore = first.reused?.() && (code === "ECONNRESET" || code === "EPIPE");
        if (!closedBefore || request.signal.aborted) throw error;
        return await exchange(agent, request);
      }
    },
    close(): void {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
};

export type HttpClient = ReturnType<typeof createHttpClient>;
