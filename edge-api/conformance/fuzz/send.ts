import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { FuzzRequest } from "./fuzz-request.ts";

export type FuzzAnswer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
};

/** A larger body has a connection of its own: a server may close that once it has refused it. Units: bytes. */
const sharedBytesMax = 1_000_000;

const headersOf = (fuzz: FuzzRequest): Record<string, string | string[]> => {
  const headers = new Map<string, string[]>();
  for (const [name, value] of fuzz.headers) headers.set(name, [...(headers.get(name) ?? []), value]);
  if (fuzz.body !== null) headers.set("content-length", [String(fuzz.body.length)]);
  return Object.fromEntries(
    [...headers].map(([name, values]) => [name, values.length > 1 ? values : (values[0] ?? "")]),
  );
};

const sendOnce = (
  origin: URL,
  agent: Agent | false,
  fuzz: FuzzRequest,
  msMax: number,
): Promise<FuzzAnswer | "closed"> =>
  new Promise((resolve, reject) => {
    const place = { host: origin.hostname, port: origin.port, agent, method: fuzz.method, path: fuzz.target };
    let answered: IncomingMessage | null = null;
    const request = httpRequest({ ...place, headers: headersOf(fuzz) }, (response) => {
      answered = response;
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", fail);
      response.on("end", () => {
        clearTimeout(timer);
        const { statusCode, headers } = response;
        resolve({ status: statusCode ?? 0, headers, text: Buffer.concat(parts).toString() });
      });
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      const isReset = "code" in error && ["ECONNRESET", "EPIPE"].includes(String(error.code));
      if (answered === null && (request.reusedSocket || isReset)) resolve("closed");
      else reject(error);
    };
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${msMax} ms`)), msMax);
    request.on("error", fail);
    request.end(fuzz.body ?? undefined);
  });

/** Sends a request as it is, over a connection that is kept. Errors: an answer that takes longer than `msMax`. */
export const send = async (
  origin: URL,
  agent: Agent,
  fuzz: FuzzRequest,
  msMax: number,
): Promise<FuzzAnswer> => {
  const isLarge = fuzz.body !== null && fuzz.body.length > sharedBytesMax;
  const first = await sendOnce(origin, isLarge ? false : agent, fuzz, msMax);
  if (first !== "closed") return first;
  // A server may close a kept connection, or one whose body it did not read, at the moment of a request.
  const second = await sendOnce(origin, false, fuzz, msMax);
  if (second === "closed") throw new Error("the connection was closed twice without an answer");
  return second;
};
