import {
  agentProtocolVersion,
  agentTokenAudience,
  type Fact,
  type Lease,
  type PollResponse,
  type ReportResponse,
} from "@longshore/shared/contract/agent-protocol";
import { newId } from "@longshore/shared/core/ids";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Http } from "./http.ts";

/** An agent without containers: it speaks the protocol and does what a measurement tells it. */
export type SimulatedAgent = {
  agentId: string;
  bootId: string;
  poll(free: number, holdMs: number): Promise<Lease[]>;
  /** Reports each lease as started and completed in one request, and takes the next work with it. */
  finish(leases: readonly Lease[], free: number): Promise<Lease[]>;
};

export const enrolSimulatedAgent = async (
  http: Http,
  apiKey: string,
  slots: number,
): Promise<SimulatedAgent> => {
  const { token } = await http.json<{ token: string }>("POST", "/api/v1/agents/enrol-tokens", undefined, {
    authorization: `Bearer ${apiKey}`,
  });
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const { x } = await exportJWK(publicKey);
  const body = { token, publicKey: x, name: `bench-${newId("boot").slice(-6)}`, version: "0" };
  const { agentId } = await http.json<{ agentId: string }>("POST", "/agent/v1/enrol", body);
  const jwt = await new SignJWT({})
    .setProtectedHeader({ alg: "EdDSA", kid: agentId })
    .setIssuer(agentId)
    .setAudience(agentTokenAudience)
    .setIssuedAt()
    .setExpirationTime("14m")
    .sign(privateKey);
  const headers = { authorization: `Bearer ${jwt}`, "x-longshore-protocol": String(agentProtocolVersion) };
  const bootId = newId("boot");
  let cursor: string | null = null;
  let seq = 0;
  const state = (free: number) => ({ bootId, cursor, free, slots, held: [] });
  return {
    agentId,
    bootId,
    poll: async (free, holdMs) => {
      const body = { ...state(free), holdMs, version: "0", runtime: "simulated" };
      const answer = await http.json<PollResponse>("POST", "/agent/v1/poll", body, headers);
      cursor = answer.cursor;
      return answer.leases;
    },
    finish: async (leases, free) => {
      const at = new Date().toISOString();
      const facts = leases.flatMap(({ runId, epoch }): Fact[] => [
        { kind: "started", seq: ++seq, runId, epoch, at },
        {
          kind: "completed",
          seq: ++seq,
          runId,
          epoch,
          at,
          output: "null",
          outputType: "application/json",
          executedMs: 1,
        },
      ]);
      const answer = await http.json<ReportResponse>(
        "POST",
        "/agent/v1/report",
        { ...state(free), facts },
        headers,
      );
      const bad = answer.results.find(({ result }) => result !== "moved");
      if (bad !== undefined) throw new Error(`a fact was ${bad.result}`);
      return answer.leases;
    },
  };
};
