import { type Agent, request as httpRequest } from "node:http";
import type { FuzzRequest } from "./fuzz-request.ts";

export type FuzzAnswer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
};

/** Sends a request as it is, over a connection that is kept. Errors: an answer that takes longer than `msMax`. */
export const send = (origin: URL, agent: Agent, fuzz: FuzzRequest, msMax: number): Promise<FuzzAnswer> =>
  new Promise((resolve, reject) => {
    const headers = new Map<string, string[]>();
    for (const [name, value] of fuzz.headers) headers.set(name, [...(headers.get(name) ?? []), value]);
    if (fuzz.body !== null) headers.set("content-length", [String(fuzz.body.length)]);
    const request = httpRequest(
      {
        ...{ host: origin.hostname, port: origin.port, agent, method: fuzz.method, path: fuzz.target },
        headers: Object.fromEntries(
          [...headers].map(([name, values]) => [name, values.length > 1 ? values : values[0]]),
        ),
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", fail);
        response.on("end", () => {
          clearTimeout(timer);
          resolve({
            ...{ status: response.statusCode ?? 0, headers: response.headers },
            text: Buffer.concat(parts).toString(),
          });
        });
      },
    );
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${msMax} ms`)), msMax);
    request.on("error", fail);
    request.end(fuzz.body ?? undefined);
  });
