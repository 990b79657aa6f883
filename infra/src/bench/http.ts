import { Agent, request } from "node:http";

/** A keep-alive HTTP client with as little of its own as can be: what is measured is the server. */
export type Http = {
  /** A body that is a text is sent as it stands. */
  json<T>(method: string, path: string, body: unknown, headers?: Record<string, string>): Promise<T>;
  requests(): number;
  close(): void;
};

export const createHttp = (baseUrl: string): Http => {
  const { hostname, port } = new URL(baseUrl);
  const agent = new Agent({ keepAlive: true, maxSockets: 2_048, noDelay: true });
  let count = 0;
  return {
    json: <T>(method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
      new Promise<T>((resolve, reject) => {
        count++;
        const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
        const outgoing = request(
          {
            agent,
            hostname,
            port,
            method,
            path,
            headers: {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(text),
              ...headers,
            },
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on("data", (chunk: Buffer) => chunks.push(chunk));
            response.on("error", reject);
            response.on("end", () => {
              const answer = Buffer.concat(chunks).toString();
              if ((response.statusCode ?? 500) >= 300)
                reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
              else resolve(JSON.parse(answer) as T);
            });
          },
        );
        outgoing.on("error", reject);
        outgoing.end(text);
      }),
    requests: () => count,
    close: () => agent.destroy(),
  };
};
