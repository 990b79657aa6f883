import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  AgentDrain,
  AgentList,
  EnvironmentToken,
  Session,
  SignInBody,
  TaskList,
} from "@longshore/shared/contract/dashboard";
import {
  Run,
  RunExplanation,
  RunList,
  RunListQuery,
  RunLogs,
  RunLogsQuery,
  RunTimeline,
} from "@longshore/shared/contract/runs";
import { TriggerBody } from "@longshore/shared/contract/trigger";
import { parseDurationMs, resolveDelayMs } from "@longshore/shared/core/durations";
import { randomText } from "@longshore/shared/core/ids";
import { currentVersion, fakeAgents, fakeSession, fakeTasks } from "./fake-data.ts";
import { cancelFake, executeFake } from "./fake-execute.ts";
import { type FakeRun, isOver, move, newRun, toDetail, toExplanation, toSummary } from "./fake-run.ts";
import { seedRuns } from "./fake-seed.ts";
import { serveStatic } from "./serve-static.ts";

/** A running fake: the API's answers, checked against the shared schemas, and the built dashboard. */
export type FakeApi = { url: string; signInUrl: () => string; close: () => Promise<void> };

type Answer = { status: number; body?: unknown; headers?: Record<string, string> };
type Request = {
  method: string;
  url: URL;
  headers: IncomingMessage["headers"];
  body: () => Promise<unknown>;
};
type State = {
  runs: FakeRun[];
  signInTokens: Set<string>;
  sessions: Set<string>;
  tokens: Set<string>;
  stopping: Map<string, AbortController>;
  tokenMs: number;
};

const cookieName = "longshore_session";
const ok = (body: unknown): Answer => ({ status: 200, body });
const fault = (status: number, error: string): Answer => ({ status, body: { error } });

const hasSession = (state: State, request: Request): boolean => {
  const cookie = new RegExp(`${cookieName}=(\\w+)`).exec(request.headers.cookie ?? "")?.[1];
  return cookie !== undefined && state.sessions.has(cookie);
};

const answerSession = async (state: State, request: Request): Promise<Answer> => {
  const { method } = request;
  const path = request.url.pathname;
  if (path === "/api/v1/session/sign-in") {
    const { token } = SignInBody.parse(await request.body());
    if (!state.signInTokens.delete(token))
      return fault(401, "This sign-in link was used already or has expired.");
    const session = randomText(26);
    state.sessions.add(session);
    const cookie = `${cookieName}=${session}; Path=/; HttpOnly; SameSite=Lax`;
    return { ...ok(Session.parse(fakeSession)), headers: { "set-cookie": cookie } };
  }
  if (!hasSession(state, request)) return fault(401, "You are not signed in.");
  if (path === "/api/v1/session") {
    if (method === "GET") return ok(Session.parse(fakeSession));
    state.sessions.clear();
    return { status: 204, headers: { "set-cookie": `${cookieName}=; Path=/; Max-Age=0` } };
  }
  const environmentId = /^\/api\/v1\/session\/environments\/([^/]+)\/token$/.exec(path)?.[1];
  if (!fakeSession.environments.some(({ id }) => id === environmentId)) {
    return fault(404, "There is no such environment.");
  }
  const token = `${environmentId}.${randomText(20)}`;
  state.tokens.add(token);
  setTimeout(() => state.tokens.delete(token), state.tokenMs).unref();
  const expiresAt = new Date(Date.now() + state.tokenMs).toISOString();
  return ok(EnvironmentToken.parse({ token, expiresAt }));
};

const listRuns = (runs: readonly FakeRun[], url: URL): Answer => {
  const query = RunListQuery.parse(Object.fromEntries(url.searchParams));
  const periodMs = parseDurationMs(query["filter[createdAt][period]"] ?? "") ?? Number.POSITIVE_INFINITY;
  const sinceMs = Date.now() - periodMs;
  const tags = query["filter[tag]"] ?? [];
  const statuses: readonly string[] | undefined = query["filter[status]"];
  const found = runs.filter(
    (run) =>
      run.createdAt >= sinceMs &&
      (query["filter[taskIdentifier]"]?.includes(run.task) ?? true) &&
      (statuses?.includes(toSummary(run).status) ?? true) &&
      (tags.length === 0 || tags.some((tag) => run.tags.includes(tag))),
  );
  const size = query["page[size]"];
  const indexOf = (id: string) => found.findIndex((run) => run.id === id);
  const after = query["page[after]"];
  const before = query["page[before]"];
  const from = after ? indexOf(after) + 1 : before ? Math.max(0, indexOf(before) - size) : 0;
  const page = found.slice(from, from + size);
  const next = from + size < found.length ? page.at(-1)?.id : undefined;
  const previous = from > 0 ? page[0]?.id : undefined;
  const pagination = { ...(next ? { next } : {}), ...(previous ? { previous } : {}) };
  return ok(RunList.parse({ data: page.map(toSummary), pagination }));
};

const payloadOf = (body: TriggerBody): unknown => {
  if (typeof body.payload !== "string") return body.payload;
  if (body.options?.payloadType === "text/plain") return body.payload;
  const parsed: unknown = JSON.parse(body.payload);
  const isSuper = body.options?.payloadType === "application/super+json";
  return isSuper ? (parsed as { json: unknown }).json : parsed;
};

const triggerRun = async (state: State, task: string, request: Request): Promise<Answer> => {
  if (!fakeTasks.some(({ id }) => id === task)) return fault(404, `There is no task "${task}".`);
  const body = TriggerBody.parse(await request.body());
  const options = body.options ?? {};
  const key = options.idempotencyKey;
  const known = key ? state.runs.find((run) => run.idempotencyKey === key) : undefined;
  if (known) return ok({ id: known.id, isCached: true });
  const dueAt = options.delay === undefined ? null : resolveDelayMs(options.delay, Date.now());
  if (dueAt === "invalid") return fault(422, "`delay` must be a duration such as 10m, or a date.");
  const run = newRun({
    task,
    version: currentVersion,
    createdAt: Date.now(),
    dueAt,
    payload: payloadOf(body),
    tags: options.tags ?? [],
    isTest: options.test ?? false,
    idempotencyKey: key,
  });
  move(run, dueAt === null ? "queued" : "delayed", run.createdAt, { kind: "trigger" });
  state.runs.unshift(run);
  const stopping = new AbortController();
  state.stopping.set(run.id, stopping);
  executeFake(run, stopping.signal).catch(() => undefined);
  return ok({ id: run.id, isCached: false });
};

const listTasks = (runs: readonly FakeRun[]): Answer => {
  const count = (task: string, states: readonly string[]) =>
    runs.filter((run) => run.task === task && states.includes(run.state)).length;
  const data = fakeTasks.map((task) => ({
    ...task,
    version: currentVersion,
    queued: count(task.id, ["queued", "delayed"]),
    running: count(task.id, ["leased", "executing"]),
  }));
  return ok(TaskList.parse({ data }));
};

const answerRun = (state: State, runId: string, rest: string, url: URL): Answer => {
  const run = state.runs.find(({ id }) => id === runId);
  if (!run) return fault(404, "There is no such run.");
  switch (rest) {
    case "":
      return ok(Run.parse(toDetail(run, state.runs)));
    case "/events":
      return ok(RunTimeline.parse({ events: run.events, attempts: run.attempts, waits: run.waits }));
    case "/explain":
      return ok(RunExplanation.parse(toExplanation(run)));
    case "/logs": {
      const { after, limit } = RunLogsQuery.parse(Object.fromEntries(url.searchParams));
      const lines = run.logs.filter((line) => line.seq > Number(after ?? 0)).slice(0, limit);
      return ok(RunLogs.parse({ lines, next: String(lines.at(-1)?.seq ?? after ?? 0) }));
    }
    case "/cancel":
      state.stopping.get(run.id)?.abort();
      if (!isOver(run.state)) cancelFake(run, fakeSession.user.email);
      return ok({ id: run.id });
    default:
      return fault(404, "There is nothing here.");
  }
};

const answerApi = async (state: State, request: Request): Promise<Answer> => {
  const path = request.url.pathname;
  if (path.startsWith("/api/v1/session")) return answerSession(state, request);
  const token = request.headers.authorization?.replace("Bearer ", "") ?? "";
  if (!state.tokens.has(token)) return fault(401, "The access token is invalid or has expired.");
  // Only production has something in it, so that the empty states can be seen too.
  const runs = token.startsWith("env_01prod") ? state.runs : [];
  if (path === "/api/v1/runs") return listRuns(runs, request.url);
  if (path === "/api/v1/tasks") return runs.length > 0 ? listTasks(runs) : ok({ data: [] });
  if (path === "/api/v1/agents") {
    return ok(AgentList.parse({ data: runs.length > 0 ? fakeAgents(Date.now()) : [] }));
  }
  const drain = /^\/api\/v1\/agents\/([^/]+)\/(drain|undrain)$/.exec(path);
  if (drain?.[1]) return ok(AgentDrain.parse({ id: drain[1], isDrained: drain[2] === "drain" }));
  if (path === "/api/v1/deployments") return ok({ data: [], pagination: {} });
  const task = /^\/api\/v1\/tasks\/([^/]+)\/trigger$/.exec(path)?.[1];
  if (task) return triggerRun(state, decodeURIComponent(task), request);
  const run = /^\/api\/v\d\/runs\/([^/]+)(\/\w+)?$/.exec(path);
  return run?.[1]
    ? answerRun(state, run[1], run[2] ?? "", request.url)
    : fault(404, "There is nothing here.");
};

const readBody = async (message: IncomingMessage): Promise<unknown> => {
  let text = "";
  for await (const chunk of message) text += chunk;
  return text === "" ? undefined : JSON.parse(text);
};

const handle = async (state: State, message: IncomingMessage, response: ServerResponse): Promise<void> => {
  const url = new URL(message.url ?? "/", "http://fake");
  if (!url.pathname.startsWith("/api/")) return serveStatic(url.pathname, response);
  const { headers, method = "GET" } = message;
  const answer = await answerApi(state, { method, url, headers, body: () => readBody(message) }).catch(
    (error: unknown) => fault(400, String(error)),
  );
  response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
  response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
};

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

/** Starts the fake. Units: `tokenMs` is how long an environment's token lives. */
export const startFakeApi = async ({ port = 0, tokenMs = 300_000 } = {}): Promise<FakeApi> => {
  const state: State = {
    runs: seedRuns(Date.now()),
    signInTokens: new Set(),
    sessions: new Set(),
    tokens: new Set(),
    stopping: new Map(),
    tokenMs,
  };
  const server = createServer((message, response) => {
    handle(state, message, response).catch(() => response.destroy());
  });
  const url = `http://127.0.0.1:${await listen(server, port)}`;
  return {
    url,
    signInUrl: () => {
      const token = randomText(26);
      state.signInTokens.add(token);
      return `${url}/sign-in?token=${token}`;
    },
    close: async () => {
      for (const stopping of state.stopping.values()) stopping.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
