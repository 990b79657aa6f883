import type { IncomingMessage } from "node:http";

const BODY_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A request's whole body as JSON, not yet checked.
 *
 * Errors: throws when it is larger than 64 MiB or is not JSON.
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`body is larger than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
