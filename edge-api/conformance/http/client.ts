import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import {
  agentProtocolVersion,
  agentTokenAudience,
  EnrolResponse,
  type Fact,
  type HeldRun,
  type Lease,
  PollResponse,
  ReportResponse,
} from "@longshore/shared/contract/agent-protocol";
import { Deployment } from "@longshore/shared/contract/deployments";
import { Run, RunExplanation, RunTimeline } from "@longshore/shared/contract/runs";
import { TriggerResponse } from "@longshore/shared/contract/trigger";
import { WireError } from "@longshore/shared/contract/wire-error";
import { newId } from "@longshore/shared/core/ids";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect } from "vitest";
import type { Platform } from "./platforms.ts";

type Headers = Record<string, string>;
export type Answer = { status: number; headers: globalThis.Headers; text: string; json: unknown };

const toJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** One request; nothing is thrown for an error status. `json` is sent as such, `body` as it is. */
export const call = async (
  p: Pick<Platform, "url">,
  method: string,
  path: string,
  options: { token?: string; headers?: Headers; json?: unknown; body?: BodyInit; signal?: AbortSignal } = {},
): Promise<Answer> => {
  const response = await fetch(`${p.url}${path}`, {
    method,
    redirect: "manual",
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.json === undefined ? {} : { "content-type": "application/json" }),
      "x-trigger-api-version": "2025-07-16",
      ...options.headers,
    },
    ...(options.json === undefined ? {} : { body: JSON.stringify(options.json) }),
    ...(options.body === undefined ? {} : { body: options.body }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: toJson(text) };
};

/** Sends a head that announces more bytes than follow: what a server must refuse by the head alone. */
export const announce = (
  p: Pick<Platform, "url">,
  method: string,
  path: string,
  headers: Headers,
): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(`${p.url}${path}`, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        request.destroy();
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    request.on("error", reject);
    request.write("{");
  });

/** An error answer: its status and code, a sentence, a request id, and nothing of our code. */
export const expectError = (answer: Answer, status: number, code?: string): WireError => {
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status });
  const body = WireError.parse(answer.json);
  expect(body.error.length).toBeGreaterThan(0);
  expect(body.requestId).toMatch(/^req_/);
  expect(answer.text).not.toMatch(/\bat .+\.(ts|js|mjs):\d+|node_modules|postgres:\/\/|select /i);
  if (code !== undefined) expect(body.code).toBe(code);
  return body;
};

/** Adds tasks to the platform as a deployment would, and answers their common prefix-free ids. */
export const deploy = async (
  p: Platform,
  tasks: object[],
  options: { token?: string; promote?: boolean; limits?: object[]; queues?: object[] } = {},
): Promise<Deployment & { bundleHash: string; bytes: Uint8Array }> => {
  const token = options.token ?? p.apiKey;
  const bytes = new Uint8Array(randomBytes(64));
  const bundleHash = hashOf(bytes);
  const put = await call(p, "PUT", `/api/v1/bundles/${bundleHash}`, { token, body: bytes });
  expect(put.status).toBe(200);
  const created = await call(p, "POST", "/api/v1/deployments", {
    token,
    json: {
      bundleHash,
      manifest: {
        ...manifestOf(tasks),
        ...(options.limits ? { limits: options.limits } : {}),
        ...(options.queues ? { queues: options.queues } : {}),
      },
    },
  });
  expect({ status: created.status, text: created.text }).toMatchObject({ status: 200 });
  const { id } = Deployment.parse(created.json);
  const finalised = await call(p, "POST", `/api/v1/deployments/${id}/finalise`, { token });
  expect(finalised.status).toBe(200);
  if (options.promote === false) return { ...Deployment.parse(finalised.json), bundleHash, bytes };
  const promoted = await call(p, "POST", `/api/v1/deployments/${id}/promote`, { token });
  expect(promoted.status).toBe(200);
  return { ...Deployment.parse(promoted.json), bundleHash, bytes };
};

export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const manifestOf = (tasks: object[]) => ({
  format: 1,
  entry: "index.mjs",
  runtime: "node",
  runtimeVersion: "20",
  sdkVersion: "0",
  cliVersion: "0",
  tasks: tasks.map((task) => ({ filePath: "tasks/a.ts", ...task })),
});

/** Triggers and answers the run's id. */
export const trigger = async (
  p: Platform,
  task: string,
  options: object = {},
  payload: unknown = {},
  token = p.apiKey,
): Promise<string> => {
  const answer = await call(p, "POST", `/api/v1/tasks/${encodeURIComponent(task)}/trigger`, {
    token,
    json: { payload, options },
  });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return TriggerResponse.parse(answer.json).id;
};

export const retrieve = async (p: Platform, id: string): Promise<Run> => {
  const answer = await call(p, "GET", `/api/v3/runs/${id}`, { token: p.apiKey });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return Run.parse(answer.json);
};

export const explanation = async (p: Platform, id: string): Promise<RunExplanation> =>
  RunExplanation.parse((await call(p, "GET", `/api/v1/runs/${id}/explain`, { token: p.apiKey })).json);

export const timeline = async (p: Platform, id: string): Promise<RunTimeline> =>
  RunTimeline.parse((await call(p, "GET", `/api/v1/runs/${id}/events`, { token: p.apiKey })).json);

/** What a fact says, without its bookkeeping. */
export type Said = Fact extends infer F ? (F extends Fact ? Omit<F, "seq" | "at"> : never) : never;

/** An agent that speaks the protocol by hand, so that cases decide what it says and when it falls silent. */
export class FakeAgent {
  bootId = newId("boot");
  cursor: string | null = null;
  held: HeldRun[] = [];
  labels: Record<string, string> = {};
  private seq = 0;
  private token: string | null = null;

  private constructor(
    private readonly p: Platform,
    readonly id: string,
    private readonly key: CryptoKey,
  ) {}

  /** Enrols a new agent in the pool of the platform's environment. */
  static async enrol(p: Platform, name = "fake"): Promise<FakeAgent> {
    const made = await call(p, "POST", "/api/v1/agents/enrol-tokens", { token: p.apiKey });
    return FakeAgent.enrolWith(p, (made.json as { token: string }).token, name);
  }

  /** Enrols a new agent in the pool that the token is for. */
  static async enrolWith(p: Platform, token: string, name = "fake"): Promise<FakeAgent> {
    const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
    const jwk = await exportJWK(publicKey);
    const json = { token, publicKey: jwk.x, name, version: "0.0.1" };
    const answer = await call(p, "POST", "/agent/v1/enrol", { json });
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
    return new FakeAgent(p, EnrolResponse.parse(answer.json).agentId, privateKey);
  }

  async sign(over: { audience?: string; issuer?: string; ageS?: number } = {}): Promise<string> {
    return new SignJWT({})
      .setProtectedHeader({ alg: "EdDSA", kid: this.id })
      .setIssuer(over.issuer ?? this.id)
      .setAudience(over.audience ?? agentTokenAudience)
      .setIssuedAt(Math.floor(Date.now() / 1_000) - (over.ageS ?? 0))
      .sign(this.key);
  }

  async request(
    path: string,
    json: object,
    over: { headers?: Headers; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    this.token ??= await this.sign();
    return call(this.p, "POST", path, {
      token: this.token,
      json,
      headers: { "x-longshore-protocol": String(agentProtocolVersion), ...over.headers },
      ...(over.signal === undefined ? {} : { signal: over.signal }),
    });
  }

  async get(path: string): Promise<Response> {
    this.token ??= await this.sign();
    return fetch(`${this.p.url}${path}`, {
      headers: {
        authorization: `Bearer ${this.token}`,
        "x-longshore-protocol": String(agentProtocolVersion),
      },
    });
  }

  state(free: number): object {
    return { bootId: this.bootId, cursor: this.cursor, free, slots: 10, held: this.held };
  }

  pollBody(free: number, holdMs: number): object {
    return { ...this.state(free), holdMs, version: "0.0.1", runtime: "process", labels: this.labels };
  }

  /** One poll. Leases count as held from then on. */
  async poll(free = 1, holdMs = 0, signal?: AbortSignal): Promise<PollResponse> {
    const over = signal === undefined ? {} : { signal };
    const answer = await this.request("/agent/v1/poll", this.pollBody(free, holdMs), over);
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
    const response = PollResponse.parse(answer.json);
    this.cursor = response.cursor;
    this.hold(response.leases);
    return response;
  }

  /** Polls until a lease of this run comes. */
  async lease(runId: string): Promise<Lease> {
    for (let polls = 0; polls < 40; polls++) {
      const found = (await this.poll(10, 500)).leases.find((lease) => lease.runId === runId);
      if (found !== undefined) return found;
    }
    throw new Error(`no lease of ${runId} came`);
  }

  async report(facts: Said[], free = 0): Promise<ReportResponse> {
    const at = new Date().toISOString();
    const numbered = facts.map((fact) => ({ ...fact, seq: ++this.seq, at }));
    return this.send(numbered as Fact[], free);
  }

  /** Sends facts as they are: a repeated report has the same numbers. */
  async send(facts: Fact[], free = 0): Promise<ReportResponse> {
    const answer = await this.request("/agent/v1/report", { ...this.state(free), facts });
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
    const response = ReportResponse.parse(answer.json);
    this.hold(response.leases);
    for (const fact of facts)
      if (["completed", "failed", "canceled", "released"].includes(fact.kind)) this.letGo(fact.runId);
    return response;
  }

  /** Triggers a run of the task, leases and starts it. */
  async execute(task: string, options: object = {}): Promise<Lease> {
    const lease = await this.lease(await trigger(this.p, task, options));
    const { results } = await this.report([{ kind: "started", runId: lease.runId, epoch: lease.epoch }]);
    expect(results).toMatchObject([{ result: "moved" }]);
    return lease;
  }

  complete(lease: Pick<Lease, "runId" | "epoch">, output = '"done"'): Promise<ReportResponse> {
    return this.report([
      { ...fenceOf(lease), kind: "completed", output, outputType: "application/json", executedMs: 1 },
    ]);
  }

  letGo(runId: string): void {
    this.held = this.held.filter((held) => held.runId !== runId);
  }

  private hold(leases: readonly Lease[]): void {
    for (const lease of leases) {
      this.letGo(lease.runId);
      this.held.push({ runId: lease.runId, epoch: lease.epoch });
    }
  }
}

export const fenceOf = ({ runId, epoch }: Pick<Lease, "runId" | "epoch">) => ({ runId, epoch });

/** Asks again until the answer is as wanted; the test's own time-out is the limit. */
export const until = async <T>(ask: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> => {
  for (;;) {
    const value = await ask();
    if (isWanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
