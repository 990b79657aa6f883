/** A request that went out: `METHOD /path`, without its query. */
type Sent = { line: string; status: number };

const sent: Sent[] = [];
const plainFetch = globalThis.fetch;

const patternOf = (route: string): RegExp =>
  new RegExp(`^${route.replace(/[.]/g, "\\.").replace(/:\w+/g, "[^/]+")}$`);

let lost: RegExp | null = null;

/** The server's next answer to this route does not reach the client, as if the connection had broken. */
export const loseNextAnswer = (route: string): void => {
  lost = patternOf(route);
};

/** Notes what the client really sends; the answers pass untouched. */
const notingFetch: typeof fetch = async (input, init) => {
  const request = input instanceof Request ? input : undefined;
  const url = new URL(request?.url ?? String(input));
  const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
  const response = await plainFetch(input, init);
  const line = `${method} ${url.pathname}`;
  if (lost?.test(line)) {
    lost = null;
    await response.text();
    throw new TypeError("fetch failed");
  }
  sent.push({ line, status: response.status });
  return response;
};

/** From here on every request of this process is noted. Cost: nothing that a test could see. */
export const noteRequests = (): void => {
  globalThis.fetch = notingFetch;
};

/** Notes of what happened since: call it before, and the answer after. */
export const sentSince = (): (() => readonly Sent[]) => {
  const from = sent.length;
  return () => sent.slice(from);
};

/** Whether one of the requests came by this route and was answered with a success, or with `status`. */
export const cameBy = (requests: readonly Sent[], route: string, status?: number): boolean => {
  const pattern = patternOf(route);
  return requests.some(
    (request) =>
      pattern.test(request.line) && (status === undefined ? request.status < 300 : request.status === status),
  );
};
