import type { AgentConfig } from "./config.ts";
import type { Admission } from "./core/admission.ts";
import type { AgentStatus } from "./core/agent-status.ts";
import type { Contact } from "./core/contact.ts";
import { holdsSlot, type Phase } from "./core/execution.ts";
import type { Meter } from "./core/meter.ts";
import type { ContainerRuntime } from "./ports/container-runtime.ts";
import type { Executions } from "./ports/executions.ts";
import type { Outbox } from "./ports/outbox.ts";
import { agentVersion } from "./version.ts";

export type ViewParts = {
  config: Pick<AgentConfig, "name" | "slots">;
  identity: { agentId: string };
  capacity: AgentStatus["capacity"];
  runtime: Pick<ContainerRuntime, "name">;
  executions: Executions & { all(): { phase(): Phase }[] };
  containers: { counts(): AgentStatus["pool"] };
  outbox: Pick<Outbox, "size">;
  contact: Contact;
  admission: Pick<Admission, "reasons">;
  meter: Meter;
  lastError(): AgentStatus["lastError"];
  drainsHere(): boolean;
  loops: Record<string, string>;
};

/** What the agent says of itself, whoever asks on its host. */
export const createView = (parts: ViewParts): (() => AgentStatus) => {
  const { admission, config, contact, executions, identity, meter, outbox, runtime } = parts;
  const beganAt = performance.now();
  return () => {
    const phases = executions.all().map((execution) => execution.phase());
    const { facts, bytes } = outbox.size();
    return {
      agentId: identity.agentId,
      name: config.name,
      version: agentVersion,
      runtime: runtime.name,
      upMs: Math.round(performance.now() - beganAt),
      slots: config.slots,
      free: executions.capacity(),
      capacity: parts.capacity,
      room: executions.room(),
      running: phases.filter(holdsSlot).length,
      waiting: phases.filter(({ kind }) => kind === "waiting").length,
      pool: parts.containers.counts(),
      held: executions.held(),
      outbox: { facts, bytes },
      silentMs: Math.round(contact.unheardMs()),
      runsForMs: contact.runsForMs(),
      asksMs: contact.asksMs(),
      paused: executions.arePaused(),
      draining: executions.isDraining(),
      drainingHere: parts.drainsHere(),
      healthy: contact.unheardMs() < contact.settings().holdMs + contact.settings().leaseMs,
      problems: admission.reasons(),
      lastError: parts.lastError(),
      loops: { ...parts.loops },
      measured: meter.measured(),
    };
  };
};
