import { formatAbsolute, formatDuration, formatRelative } from "../../lib/format.ts";
import { elapsedMs, isFinalStatus, queuedMs, type RunTimes } from "../../lib/run-status.ts";
import { useNow } from "../../lib/use-now.ts";
import { Tooltip } from "../../ui/tooltip.tsx";

/** How long ago, with the full date for whoever points at it. */
export function RelativeTime({ at }: { at: Date }) {
  const now = useNow();
  return (
    <Tooltip text={formatAbsolute(at)}>
      <time dateTime={at.toISOString()} className="whitespace-nowrap">
        {formatRelative(at, now)}
      </time>
    </Tooltip>
  );
}

const Nothing = () => <span className="text-faint">–</span>;

/** Time in the queue; it counts on while the run has not started. */
export function QueuedTime({ run }: { run: RunTimes }) {
  const now = useNow();
  const ms = queuedMs(run, now);
  if (ms === null) return <Nothing />;
  const counting = run.startedAt === undefined && !isFinalStatus(run.status);
  return <span className={counting ? "text-warn" : ""}>{formatDuration(ms)}</span>;
}

/** From the first start to the end; it counts on while the run is not over. */
export function ElapsedTime({ run }: { run: RunTimes }) {
  const now = useNow();
  const ms = elapsedMs(run, now);
  if (ms === null) return <Nothing />;
  return <span className={isFinalStatus(run.status) ? "" : "text-busy"}>{formatDuration(ms)}</span>;
}
