import type {
  EnrolResponse,
  PollBody,
  PollResponse,
  ReportBody,
  ReportResponse,
} from "@longshore/shared/contract/agent-protocol";
import type { Packet } from "@longshore/shared/contract/packets";
import type { Outcome } from "../core/outcome.ts";

/** An answer of the API to a run's own call. */
export type Forwarded = { status: number; headers: Record<string, string>; body: string };

/** A run's own call to the API, as its SDK made it. */
export type ForwardRequest = {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
};

/** The API as an agent sees it. Every call takes a signal; cutting a call is always safe (L6). */
export type ControlPlane = {
  poll(body: PollBody, signal: AbortSignal): Promise<Outcome<PollResponse>>;
  report(body: ReportBody, signal: AbortSignal): Promise<Outcome<ReportResponse>>;
  /** The archive with this hash; the caller verifies it. Cost: one request. */
  fetchBundle(hash: string, signal: AbortSignal): Promise<Outcome<Uint8Array>>;
  /** A stored payload at the address that its lease names: without the agent's own identity. Cost: one request. */
  fetchPacket(url: string, signal: AbortSignal): Promise<Outcome<Packet>>;
  /** Sends a run's call with the run's token. */
  forward(runToken: string, request: ForwardRequest, signal: AbortSignal): Promise<Outcome<Forwarded>>;
};

export type Enrolled = EnrolResponse;
