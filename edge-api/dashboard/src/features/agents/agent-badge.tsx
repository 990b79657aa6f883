import type { AgentItem } from "@longshore/shared/contract/dashboard";
import { cn } from "../../lib/cn.ts";
import type { Tone } from "../../lib/run-status.ts";
import { Badge } from "../../ui/badge.tsx";

const statusTones: Record<AgentItem["status"], { tone: Tone; label: string; dot: string }> = {
  online: { tone: "good", label: "Online", dot: "bg-good" },
  draining: { tone: "warn", label: "Draining", dot: "bg-warn" },
  offline: { tone: "quiet", label: "Offline", dot: "bg-faint" },
  revoked: { tone: "bad", label: "Revoked", dot: "bg-bad" },
};

/** Whether an agent is there, in a word and a colour. */
export function AgentBadge({ status }: { status: AgentItem["status"] }) {
  const { tone, label, dot } = statusTones[status];
  return (
    <Badge tone={tone}>
      <span aria-hidden="true" className={cn("size-1.5 rounded-full", dot)} />
      {label}
    </Badge>
  );
}
