import type { RunEvent, RunTimeline } from "@longshore/shared/contract/runs";
import { formatClock, formatDuration } from "../../lib/format.ts";

const kindNames: Record<string, string> = {
  trigger: "Triggered",
  promote: "Became due",
  claim: "Claimed",
  start: "Started",
  release: "Handed back",
  wait: "Began to wait",
  wake: "Woken",
  continue: "Continued",
  retry: "Will be retried",
  complete: "Completed",
  fail: "Failed",
  cancel: "Canceled",
  expire: "Expired",
  lose: "Lost its agent",
};

const nameOf = (kind: string): string =>
  kindNames[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1).replaceAll("_", " ");

const noteOf = (event: RunEvent, agents: ReadonlyMap<string, string>): string =>
  [
    event.message,
    event.agentId === null ? null : `on ${agents.get(event.agentId) ?? event.agentId}`,
    event.attempt === null ? null : `attempt ${event.attempt}`,
  ]
    .filter((part) => part !== null)
    .join(" · ");

/** What happened to the run, oldest first. */
export function EventList({ timeline, createdAt }: { timeline: RunTimeline; createdAt: Date }) {
  const agents = new Map(
    timeline.attempts.flatMap(({ agentId, agentName }) =>
      agentId && agentName ? [[agentId, agentName]] : [],
    ),
  );
  return (
    <ol className="scroll-thin max-h-96 overflow-y-auto py-1">
      {timeline.events.map((event) => {
        const at = new Date(event.at);
        return (
          <li
            key={event.id}
            className="grid grid-cols-[6rem_minmax(0,1fr)] gap-x-4 px-4 py-1 text-xs sm:grid-cols-[6rem_4.5rem_8.5rem_minmax(0,1fr)]"
          >
            <time dateTime={event.at} className="font-mono text-faint">
              {formatClock(at)}
            </time>
            <span className="hidden text-right text-faint tabular-nums sm:inline">
              +{formatDuration(at.getTime() - createdAt.getTime())}
            </span>
            <span className="font-medium">{nameOf(event.kind)}</span>
            <span className="wrap-anywhere text-soft max-sm:col-start-2">{noteOf(event, agents)}</span>
          </li>
        );
      })}
    </ol>
  );
}
