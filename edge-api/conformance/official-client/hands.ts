import type { Lease, ReportResponse, WaitSpec } from "@longshore/shared/contract/agent-protocol";
import { FakeAgent, fenceOf, type Said } from "../http/client.ts";
import type { Platform } from "../http/platforms.ts";

/** How long a lease may be awaited. Units: milliseconds. */
const takeMs = 15_000;

/** Takes runs and does with them what a test says, as an agent would: polls, starts, waits, completes, fails. */
export class Hands {
  private leases: Lease[] = [];
  private readonly seen = new Set<string>();
  private work: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly agent: FakeAgent,
    private readonly holdMs: number,
  ) {}

  /** Units: `holdMs` is how long one look for work may take, while others of these hands wait their turn. */
  static async enrol(p: Platform, holdMs = 250): Promise<Hands> {
    return new Hands(await FakeAgent.enrol(p, "hands"), holdMs);
  }

  /** The next lease of this run; those of others are kept for who asks for them. */
  async take(runId: string): Promise<Lease> {
    for (let polls = 0; polls * this.holdMs < takeMs; polls++) {
      const at = this.leases.findIndex((lease) => lease.runId === runId);
      if (at >= 0) return this.leases.splice(at, 1)[0]!;
      await this.poll(this.holdMs);
    }
    throw new Error(`no lease of ${runId} came`);
  }

  /** Polls once and answers which of these runs could be taken. */
  async offered(runIds: readonly string[]): Promise<string[]> {
    await this.poll(0);
    return this.leases.map(({ runId }) => runId).filter((id) => runIds.includes(id));
  }

  async start(runId: string): Promise<Lease> {
    const lease = await this.take(runId);
    await this.say([{ ...fenceOf(lease), kind: "started" }]);
    return lease;
  }

  async wait(lease: Lease, waits: WaitSpec[]): Promise<ReportResponse["results"]> {
    return (await this.say([{ ...fenceOf(lease), kind: "waiting", waits }])).results;
  }

  async complete(lease: Lease, output: unknown = "done"): Promise<void> {
    const fact = { outputType: "application/json", executedMs: 5 } as const;
    await this.say([{ ...fenceOf(lease), kind: "completed", output: JSON.stringify(output), ...fact }]);
  }

  /** Completes with an output that was stored apart. */
  async completeStored(lease: Lease, path: string): Promise<void> {
    const fact = { outputType: "application/store", executedMs: 5 } as const;
    await this.say([{ ...fenceOf(lease), kind: "completed", output: path, ...fact }]);
  }

  async fail(lease: Lease, message: string, retry: { skip?: boolean; delayMs?: number } = { skip: true }) {
    const error = { type: "BUILT_IN_ERROR", name: "Error", message, stackTrace: "" } as const;
    await this.say([{ ...fenceOf(lease), kind: "failed", error, retry, executedMs: 5 }]);
  }

  /** Starts and completes a run. */
  async finish(runId: string, output?: unknown): Promise<void> {
    await this.complete(await this.start(runId), output);
  }

  private async say(facts: Said[]): Promise<ReportResponse> {
    return this.inTurn(async () => {
      const response = await this.agent.report(facts);
      this.keep(response.leases);
      return response;
    });
  }

  /** Takes what there is, and lets go of what is to be cancelled. */
  private poll(holdMs: number): Promise<void> {
    return this.inTurn(async () => {
      const { leases, orders } = await this.agent.poll(50, holdMs);
      this.keep(leases);
      for (const { runId, epoch, kind } of orders) {
        this.leases = this.leases.filter((lease) => lease.runId !== runId);
        if (kind === "stop") this.agent.letGo(runId);
        else await this.agent.report([{ runId, epoch, kind: "canceled", executedMs: 1 }]);
      }
    });
  }

  /** An agent has one request in flight. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.work.then(work);
    this.work = turn.catch(() => undefined);
    return turn;
  }

  /** A lease is repeated until the agent shows that it holds it. */
  private keep(leases: readonly Lease[]): void {
    for (const lease of leases) {
      const key = `${lease.runId} ${lease.epoch} ${lease.kind}`;
      if (!this.seen.has(key)) this.leases.push(lease);
      this.seen.add(key);
    }
  }
}
