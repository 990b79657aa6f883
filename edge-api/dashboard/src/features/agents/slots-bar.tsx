import type { AgentItem } from "@longshore/shared/contract/dashboard";
import { cn } from "../../lib/cn.ts";

/** One mark a slot is readable up to here; above it the bar is drawn in proportion. */
const marksMax = 32;

type Part = { key: string; label: string; count: number; className: string };

const freeLabels: Record<AgentItem["status"], string> = {
  online: "free",
  draining: "closed to new runs",
  offline: "out of reach",
  revoked: "shut off",
};

const partsOf = (agent: AgentItem): Part[] => {
  const { executing, leased, slots, status } = agent;
  const free = Math.max(0, slots - executing - leased);
  return [
    { key: "executing", label: "executing", count: executing, className: "bg-busy" },
    { key: "leased", label: "starting", count: leased, className: "bg-busy/45" },
    { key: "free", label: freeLabels[status], count: free, className: "bg-hover" },
  ];
};

const Marks = ({ parts }: { parts: readonly Part[] }) => (
  <div aria-hidden="true" className="flex h-2.5 gap-0.5">
    {parts.flatMap(({ key, count, className }) =>
      Array.from({ length: count }, (_, index) => (
        <span key={`${key}-${index + 1}`} className={cn("h-full max-w-6 flex-1 rounded-[3px]", className)} />
      )),
    )}
  </div>
);

const Shares = ({ parts }: { parts: readonly Part[] }) => (
  <div aria-hidden="true" className="flex h-2.5 overflow-hidden rounded-[3px]">
    {parts.map(({ key, count, className }) => (
      <span key={key} className={className} style={{ flexGrow: count }} />
    ))}
  </div>
);

/** How an agent's slots are used. Waiting runs are named apart: they hold none. */
export function SlotsBar({ agent }: { agent: AgentItem }) {
  const parts = partsOf(agent);
  return (
    <div className="min-w-0">
      {agent.slots <= marksMax ? <Marks parts={parts} /> : <Shares parts={parts} />}
      <p className="mt-1.5 flex flex-wrap gap-x-3 text-faint text-xs tabular-nums">
        {parts
          .filter(({ key, count }) => count > 0 || (key === "executing" && agent.status === "online"))
          .map(({ key, label, count, className }) => (
            <span key={key} className="inline-flex items-center gap-1.5">
              <span
                aria-hidden="true"
                className={cn("size-2 rounded-[2px]", className, key === "free" && "ring-1 ring-line-strong")}
              />
              {count} {label}
            </span>
          ))}
        {agent.waiting > 0 && (
          <span
            className="inline-flex items-center gap-1.5"
            title="A waiting run keeps its process but holds no slot"
          >
            <span aria-hidden="true" className="size-2 rounded-[2px] bg-pause" />
            {agent.waiting} waiting, no slot held
          </span>
        )}
      </p>
    </div>
  );
}
