import { agentProtocolVersion } from "@longshore/shared/contract/agent-protocol";

/** Sent with every request of an agent. */
export const protocolHeaders = { "x-longshore-protocol": String(agentProtocolVersion) };
