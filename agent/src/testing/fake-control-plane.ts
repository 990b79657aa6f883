import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  agentTokenAudience,
  EnrolBody,
  type Fact,
  type FactResult,
  type Lease,
  type Order,
  PollBody,
  ReportBody,
} from "@longshore/shared/contract/agent-protocol";
import { machinePresets } from "@longshore/shared/contract/machines";
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";

type Forwarded = { method: string; path: string; headers: IncomingMessage["headers"]; body: string };

const readBody = async (request: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
};

const answer = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};

const fits = ({ machine }: Lease, room: PollBody["room"]): boolean => {
  const { cpu, memoryGb } = machinePresets[machine];
  return room === undefined || (cpu <= room.cpu && memoryGb * 1_024 <= room.memoryMb);
};

type Answered = { status: number; body: unknown };

/**
 * A real HTTP server that speaks the agent protocol, held polls included, without a database: tests hand it leases and
 * orders and look at the facts it was told. It checks tokens, schemas, and that facts come once and in order.
 */
export const startFakeControlPlane = async (port = 0) => {
  const keys = new Map<string, string>();
  const bundles = new Map<string, Buffer>();
  /** Hashes of bundles that were asked for. */
  const fetched: string[] = [];
  const facts: Fact[] = [];
  const repeats: Fact[] = [];
  const polls: PollBody[] = [];
  const reports: ReportBody[] = [];
  const forwarded: Forwarded[] = [];
  const news: string[] = [];
  const watchers = new Set<() => void>();
  let leases: Lease[] = [];
  let orders: Order[] = [];
  const seen = new Set<string>();
  const state = {
    settings: { beatMs: 1_000, leaseMs: 60_000, holdMs: 500, drain: false },
    /** Whether answers say when the leases were renewed; older APIs do not. */
    saysRenewal: true,
    /** While true every connection is broken without an answer. */
    isDown: false,
    /** When set, every agent request gets this error. */
    refuseWith: null as { status: number; code: string; error: string } | null,
    /** When set, something in the API's place answers every agent request with this status. */
    stranger: null as number | null,
    /** Why the API takes no report with this fact in it. */
    refusalOf: (_fact: Fact): string | null => null,
    resultFor: (_fact: Fact): Omit<FactResult, "seq"> => ({ result: "moved" }),
    onForward: (_call: Forwarded): Answered | Promise<Answered> => ({ status: 200, body: { ok: true } }),
  };
  const notify = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  const work = ({ free, room }: Pick<PollBody, "free" | "room">) => {
    // A continuation takes no free place of the request; a start does.
    const given: Lease[] = [];
    const left = room && { ...room };
    leases = leases.filter((lease) => {
      if (lease.kind === "start" && (given.length >= free || !fits(lease, left))) return true;
      const { cpu, memoryGb } = machinePresets[lease.machine];
      if (left !== undefined) {
        left.cpu -= cpu;
        left.memoryMb -= memoryGb * 1_024;
      }
      given.push(lease);
      return false;
    });
    const ordered = orders;
    orders = [];
    const bundles = news.splice(0);
    return { cursor: "c", leases: given, orders: ordered, bundles, settings: state.settings };
  };

  const authorise = async (request: IncomingMessage): Promise<boolean> => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (!token || request.headers["x-longshore-protocol"] !== "1") return false;
    const { kid } = decodeProtectedHeader(token);
    const x = keys.get(kid ?? "");
    if (!x) return false;
    const key = await importJWK({ kty: "OKP", crv: "Ed25519", x }, "EdDSA");
    await jwtVerify(token, key, { audience: agentTokenAudience, issuer: kid as string, maxTokenAge: 900 });
    return true;
  };
  const poll = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = PollBody.parse(JSON.parse(await readBody(request)));
    polls.push(body);
    notify();
    const beganAt = Date.now();
    const endsAt = beganAt + Math.min(body.holdMs, state.settings.holdMs);
    const hasWork = () =>
      orders.length > 0 ||
      leases.some((lease) => lease.kind === "continue" || (body.free > 0 && fits(lease, body.room))) ||
      news.length > 0 ||
      state.isDown;
    while (!hasWork() && Date.now() < endsAt && !response.destroyed) await nextChange(endsAt - Date.now());
    if (response.destroyed) return;
    if (state.isDown) return void response.destroy();
    answer(response, 200, {
      ...work(body),
      ...(state.saysRenewal && { renewedAfterMs: Date.now() - beganAt }),
    });
  };
  const report = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = ReportBody.parse(JSON.parse(await readBody(request)));
    reports.push(body);
    const refusal = body.facts.map(state.refusalOf).find((why) => why !== null);
    if (refusal !== undefined) return answer(response, 422, { error: refusal, code: "unprocessable" });
    const results: FactResult[] = body.facts.map((fact) => {
      const name = `${fact.runId} ${fact.epoch} ${fact.seq}`;
      if (seen.has(name)) {
        repeats.push(fact);
        return { seq: fact.seq, result: "repeated" };
      }
      seen.add(name);
      facts.push(fact);
      return { seq: fact.seq, ...state.resultFor(fact) };
    });
    answer(response, 200, { ...work(body), results });
    notify();
  };
  const nextChange = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      watchers.add(done);
    });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? "/";
    if (state.isDown) return void response.destroy();
    if (path === "/agent/v1/enrol") {
      const { token, publicKey } = EnrolBody.parse(JSON.parse(await readBody(request)));
      if (token === "spent")
        return answer(response, 401, { error: "spent token", code: "enrol_token_invalid" });
      const agentId = `agent_${createHash("sha256").update(publicKey).digest("hex").slice(0, 12)}`;
      keys.set(agentId, publicKey);
      return answer(response, 200, { agentId, poolId: "pool_1" });
    }
    if (path === "/healthz") return answer(response, 200, { ok: true });
    if (!path.startsWith("/agent/")) {
      const call = {
        method: request.method ?? "GET",
        path,
        headers: request.headers,
        body: await readBody(request),
      };
      forwarded.push(call);
      const { status, body } = await state.onForward(call);
      return answer(response, status, body);
    }
    if (state.stranger !== null) {
      response.writeHead(state.stranger, { "content-type": "text/html", location: "/login" });
      return void response.end("<h1>default backend</h1>");
    }
    if (state.refuseWith) return answer(response, state.refuseWith.status, state.refuseWith);
    if (!(await authorise(request))) return answer(response, 401, { error: "who?", code: "unauthorized" });
    if (path === "/agent/v1/poll") return poll(request, response);
    if (path === "/agent/v1/report") return report(request, response);
    const bundle = bundles.get(path.replace("/agent/v1/bundles/", ""));
    if (path.startsWith("/agent/v1/bundles/")) fetched.push(path.slice("/agent/v1/bundles/".length));
    if (!bundle) return answer(response, 404, { error: "no such bundle", code: "not_found" });
    response.end(bundle);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) answer(response, 400, { error: String(error) });
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    facts,
    fetched,
    repeats,
    polls,
    reports,
    forwarded,
    addBundle(archive: Buffer): string {
      const hash = createHash("sha256").update(archive).digest("hex");
      bundles.set(hash, archive);
      return hash;
    },
    lease(lease: Lease): void {
      leases.push(lease);
      notify();
    },
    promote(hash: string): void {
      news.push(hash);
      notify();
    },
    order(order: Order): void {
      orders.push(order);
      notify();
    },
    setDown(isDown: boolean): void {
      state.isDown = isDown;
      notify();
    },
    /** Resolves with what `find` finds, looked for after every request. Errors: rejects after `ms`. */
    async until<T>(what: string, find: () => T | undefined | null | false, ms = 15_000): Promise<T> {
      const endsAt = Date.now() + ms;
      for (;;) {
        const found = find();
        if (found) return found;
        if (Date.now() >= endsAt) {
          throw new Error(`waited ${ms} ms for ${what}; facts: ${JSON.stringify(facts).slice(0, 3_000)}`);
        }
        await nextChange(Math.min(100, endsAt - Date.now()));
      }
    },
    close: () =>
      new Promise<void>((resolve) => {
        state.isDown = true;
        notify();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};

export type FakeControlPlane = Awaited<ReturnType<typeof startFakeControlPlane>>;
