import type { Run } from "@longshore/sdk";
import { Link } from "@tanstack/react-router";
import { ChevronRight, CircleX } from "lucide-react";
import { formatDuration } from "../../lib/format.ts";
import { elapsedMs, isFinalStatus } from "../../lib/run-status.ts";
import { useNow } from "../../lib/use-now.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { EmptyState, ErrorPanel, Panel, Skeleton } from "../../ui/states.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { StatusBadge } from "../runs/status-badge.tsx";
import { PageHeader, useTitle } from "../shell/page-header.tsx";
import { useEnvironment } from "../shell/use-environment.ts";
import { buildTimeline } from "./build-timeline.ts";
import { CancelButton } from "./cancel-button.tsx";
import { EventList } from "./event-list.tsx";
import { LogView } from "./log-view.tsx";
import { RunAside } from "./run-aside.tsx";
import { useExplanation, useRun, useTimeline } from "./run-queries.ts";
import { TimelineChart } from "./timeline-chart.tsx";
import { WhyPanel } from "./why-panel.tsx";

function Elapsed({ run }: { run: Run }) {
  const now = useNow();
  const ms = elapsedMs(run, now);
  return ms === null ? null : <span className="text-soft tabular-nums">{formatDuration(ms)}</span>;
}

function TimelinePanel({ run }: { run: Run }) {
  const { data, error, refetch } = useTimeline(run);
  const now = useNow();
  if (!data) {
    return (
      <Panel title="Timeline">
        {error ? (
          <ErrorPanel className="m-3" error={error} onRetry={() => void refetch()} />
        ) : (
          <Skeleton className="m-4 h-24" />
        )}
      </Panel>
    );
  }
  const chart = buildTimeline(run, data, Math.max(now, Date.now()));
  return (
    <Panel>
      <Tabs
        label="What happened"
        items={[
          { value: "timeline", label: "Timeline", panel: <TimelineChart chart={chart} /> },
          {
            value: "events",
            label: (
              <>
                Events <span className="font-normal text-faint tabular-nums">{data.events.length}</span>
              </>
            ),
            panel: <EventList timeline={data} createdAt={run.createdAt} />,
          },
        ]}
      />
    </Panel>
  );
}

function RunErrorPanel({ run }: { run: Run }) {
  if (!("error" in run) || !run.error) return null;
  const { name, message, stackTrace } = run.error;
  const title = name && !message.startsWith(name) ? `${name}: ${message}` : message;
  return (
    <section aria-label="Error" className="overflow-hidden rounded-lg border border-bad/30 bg-bad-wash">
      <div className="flex items-start gap-3 py-2.5 pr-2 pl-4">
        <CircleX className="mt-0.5 size-4 shrink-0 text-bad" />
        <p className="wrap-anywhere min-w-0 flex-1 font-medium">{title}</p>
        <CopyButton text={stackTrace ?? title} label="Copy the error" />
      </div>
      {stackTrace && (
        <pre className="scroll-thin max-h-64 overflow-auto border-bad/20 border-t px-4 py-3 font-mono text-soft text-xs leading-5">
          {stackTrace}
        </pre>
      )}
    </section>
  );
}

function RunHeader({ run, canceling }: { run: Run; canceling: boolean }) {
  const { environmentId } = useEnvironment();
  return (
    <PageHeader
      title={
        <span className="flex min-w-0 items-center gap-2">
          <Link
            to="/env/$environmentId/runs"
            params={{ environmentId }}
            className="font-normal text-faint hover:text-ink max-sm:hidden"
          >
            Runs
          </Link>
          <ChevronRight aria-hidden="true" className="size-3.5 shrink-0 text-faint max-sm:hidden" />
          <span className="truncate">{run.taskIdentifier}</span>
          <StatusBadge status={run.status} />
        </span>
      }
      note={<Elapsed run={run} />}
      actions={<CancelButton run={run} canceling={canceling} />}
    />
  );
}

const RunIdLine = ({ run }: { run: Run }) => (
  <div className="flex min-w-0 items-center gap-1 text-soft text-xs">
    <span className="truncate font-mono">{run.id}</span>
    <CopyButton text={run.id} label="Copy the run's id" />
    {run.version && (
      <span className="ml-2 whitespace-nowrap font-mono max-sm:hidden">version {run.version}</span>
    )}
  </div>
);

function LoadedRun({ run }: { run: Run }) {
  const { data: explanation } = useExplanation(run);
  const isOpen = !isFinalStatus(run.status);
  return (
    <>
      <RunHeader run={run} canceling={isOpen && explanation?.code === "canceling"} />
      <div className="scroll-thin min-h-0 flex-1 overflow-y-auto">
        <div className="grid gap-4 p-4 md:px-6 lg:grid-cols-[minmax(0,1fr)_22rem] 2xl:grid-cols-[minmax(0,1fr)_28rem]">
          <div className="lg:col-span-2">
            <RunIdLine run={run} />
          </div>
          <div className="flex min-w-0 flex-col gap-4">
            {isOpen && <WhyPanel explanation={explanation} />}
            <RunErrorPanel run={run} />
            <TimelinePanel run={run} />
            <LogView run={run} />
          </div>
          <div className="flex min-w-0 flex-col gap-4">
            <RunAside run={run} />
          </div>
        </div>
      </div>
    </>
  );
}

const Loading = () => (
  <div role="status" aria-label="Loading the run" className="space-y-4 p-6">
    <Skeleton className="h-8 w-72" />
    <Skeleton className="h-40" />
    <Skeleton className="h-64" />
  </div>
);

/** One run: where it is, why, what happened and what came of it. Live until it is over. */
export function RunPage({ runId }: { runId: string }) {
  const { data: run, error, refetch } = useRun(runId);
  useTitle(run ? `${run.taskIdentifier} ${runId}` : "Run");
  if (run) return <LoadedRun run={run} />;
  if (!error) return <Loading />;
  if ("status" in error && error.status === 404) {
    return (
      <EmptyState title="There is no such run">
        <p>
          No run of this environment has the id{" "}
          <code className="wrap-anywhere font-mono text-ink">{runId}</code>.
        </p>
      </EmptyState>
    );
  }
  return (
    <div className="p-6">
      <ErrorPanel title="The run could not be read" error={error} onRetry={() => void refetch()} />
    </div>
  );
}
