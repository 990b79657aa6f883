import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateDeploymentBody } from "@longshore/shared/contract/deployments";

/** `failures`: what each attempt threw. */
export type FakeRun = { id: string; status: string; lines: string[]; output?: unknown; failures?: string[] };

type Reply = { status: number; body?: unknown };

/** A small real API that keeps bundles and deployments in memory and checks what it is sent. */
export type FakeApi = {
  url: string;
  key: string;
  /** Each request as `METHOD path`, in order. */
  calls: string[];
  bundles: Map<string, Buffer>;
  deployments: { id: string; version: string; taskIds: string[] }[];
  current: string | undefined;
  /** What the API says of its runs, newest first, and the lines each has logged. */
  runs: FakeRun[];
  /** The next requests whose `METHOD path` holds this text get this answer instead. */
  failWhere(text: string, reply: Reply): void;
  close(): Promise<void>;
};

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const deploymentOf = (api: FakeApi, id: string, status: string) => ({
  id,
  createdAt: "2026-01-01T00:00:00.000Z",
  shortCode: "abc",
  version: api.deployments.find((one) => one.id === id)?.version,
  runtime: "node",
  runtimeVersion: "20",
  status,
  isCurrent: api.current === id,
  taskCount: api.deployments.find((one) => one.id === id)?.taskIds.length,
});

const bundleReply = (api: FakeApi, method: string, hash: string, body: Buffer): Reply => {
  if (method === "HEAD") return { status: api.bundles.has(hash) ? 200 : 404 };
  if (createHash("sha256").update(body).digest("hex") !== hash)
    return { status: 400, body: { error: "hash" } };
  api.bundles.set(hash, body);
  return { status: 200, body: { hash, sizeBytes: body.length, created: true } };
};

const createReply = (api: FakeApi, body: Buffer): Reply => {
  const { bundleHash, manifest } = CreateDeploymentBody.parse(JSON.parse(body.toString()));
  if (!api.bundles.has(bundleHash)) return { status: 422, body: { error: "no such bundle" } };
  const number = api.deployments.length + 1;
  const made = {
    id: `deployment_${number}`,
    version: `20260101.${number}`,
    taskIds: manifest.tasks.map((t) => t.id),
  };
  api.deployments.push(made);
  return { status: 200, body: deploymentOf(api, made.id, "PENDING") };
};

const at = "2026-01-01T00:00:00.000Z";

const runOnWire = ({ id, status, output }: FakeRun) => ({
  id,
  taskIdentifier: "a",
  status,
  isCompleted: ["COMPLETED", "FAILED"].includes(status),
  isCancelled: false,
  isFailed: status === "FAILED",
  createdAt: at,
  updatedAt: at,
  finishedAt: at,
  durationMs: 1_200,
  output,
  ...(status === "FAILED" ? { error: { message: "it broke" } } : {}),
});

const runReply = (
  api: FakeApi,
  id: string | undefined,
  verb: string | undefined,
  query: URLSearchParams,
): Reply => {
  if (id === undefined) return { status: 200, body: { data: api.runs.map(runOnWire), pagination: {} } };
  const run = api.runs.find((one) => one.id === id);
  if (!run) return { status: 404, body: { error: "Run not found" } };
  if (verb === "events") {
    const attempts = run.failures?.map((message, i) => ({ number: i + 1, error: { message } })) ?? [];
    return { status: 200, body: { events: [], attempts, waits: [] } };
  }
  if (verb !== "logs") return { status: 200, body: runOnWire(run) };
  const after = Number(query.get("after") ?? 0);
  const lines = run.lines.slice(after).map((message, i) => ({
    seq: after + i,
    at,
    attempt: 1,
    level: "info",
    stream: "logger",
    message,
  }));
  return { status: 200, body: { lines, next: String(run.lines.length) } };
};

const environment = {
  id: "env_1",
  slug: "dev",
  type: "development",
  branch: null,
  project: { ref: "proj_fake", name: "Fake" },
};

const replyTo = (api: FakeApi, method: string, url: URL, body: Buffer): Reply => {
  const path = url.pathname;
  const [, , , noun, id, verb] = path.split("/");
  if (noun === "environment") return { status: 200, body: environment };
  if (noun === "runs") return runReply(api, id, verb, url.searchParams);
  if (noun === "bundles" && id) return bundleReply(api, method, id, body);
  if (noun === "deployments" && !id) return createReply(api, body);
  if (noun === "deployments" && id && verb) {
    if (verb === "promote") api.current = id;
    return { status: 200, body: deploymentOf(api, id, "DEPLOYED") };
  }
  if (noun === "tasks" && verb === "trigger") return { status: 200, body: { id: "run_1" } };
  return { status: 404, body: { error: `no ${method} ${path}` } };
};

const send = (response: ServerResponse, { status, body }: Reply): void => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
};

/** Starts it on a free port. */
export const startFakeApi = async (): Promise<FakeApi> => {
  const failures: { text: string; reply: Reply }[] = [];
  const server = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const call = `${method} ${url}`;
    api.calls.push(call);
    const body = await readBody(request);
    const planned = failures.find(({ text }) => call.includes(text));
    if (planned) return send(response, planned.reply);
    if (request.headers.authorization !== `Bearer ${api.key}`) {
      return send(response, { status: 401, body: { error: "Invalid API key" } });
    }
    send(response, replyTo(api, method, new URL(url, api.url), body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api: FakeApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: "tr_dev_sk_0123456789abcdefghijklmn",
    calls: [],
    bundles: new Map(),
    deployments: [],
    current: undefined,
    runs: [],
    failWhere: (text, reply) => failures.push({ text, reply }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return api;
};
