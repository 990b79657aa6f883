import { Link } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { JsonView } from "../../ui/json-view.tsx";
import { EmptyState, ErrorPanel, Panel, Skeleton } from "../../ui/states.tsx";
import { RunLink, RunRowLink } from "../runs/run-link.tsx";
import { useRuns } from "../runs/runs-query.ts";
import { StatusBadge } from "../runs/status-badge.tsx";
import { RelativeTime } from "../runs/times.tsx";
import { PageHeader, useTitle } from "../shell/page-header.tsx";
import { useEnvironment } from "../shell/use-environment.ts";
import {
  describeMachine,
  describeMaxDuration,
  describeQueue,
  describeRetry,
  type TaskItem,
} from "./describe-task.ts";
import { useTasks } from "./tasks-query.ts";
import { TestForm } from "./test-form.tsx";

const recentRuns = 8;

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-2 px-4 py-1 text-xs leading-5">
    <dt className="text-faint">{name}</dt>
    <dd className="wrap-anywhere min-w-0">{children}</dd>
  </div>
);

function TaskFacts({ task }: { task: TaskItem }) {
  const queue = describeQueue(task);
  const machine = describeMachine(task);
  return (
    <Panel title="About this task">
      <dl className="py-2">
        {task.description && <Fact name="What it does">{task.description}</Fact>}
        <Fact name="File">
          <span className="font-mono">{task.filePath}</span>
        </Fact>
        {task.exportName && (
          <Fact name="Export">
            <span className="font-mono">{task.exportName}</span>
          </Fact>
        )}
        <Fact name="Version">
          <span className="font-mono">{task.version}</span>
        </Fact>
        <Fact name="Queue">{[queue.name, queue.limit].filter(Boolean).join(", ")}</Fact>
        <Fact name="Retries">{describeRetry(task)}</Fact>
        <Fact name="Machine">{[machine.name, machine.size].filter(Boolean).join(", ")}</Fact>
        <Fact name="Max duration">{describeMaxDuration(task)}</Fact>
        {task.ttl !== undefined && <Fact name="Time to live">{task.ttl}</Fact>}
      </dl>
    </Panel>
  );
}

function RecentRuns({ taskId }: { taskId: string }) {
  const { environmentId } = useEnvironment();
  const { data, error } = useRuns({ task: taskId }, true);
  const runs = data?.data.slice(0, recentRuns) ?? [];
  return (
    <Panel
      title="Recent runs"
      actions={
        <Link
          to="/env/$environmentId/runs"
          params={{ environmentId }}
          search={{ task: taskId }}
          className="px-2 text-accent text-xs hover:underline"
        >
          See all
        </Link>
      }
    >
      {error && <ErrorPanel className="m-3" error={error} />}
      {data && runs.length === 0 && (
        <p className="px-4 py-6 text-center text-faint">It has never run here.</p>
      )}
      <ul className="py-1">
        {runs.map((run) => (
          <li key={run.id} className="relative flex h-9 items-center gap-3 px-4 hover:bg-hover">
            <span className="w-24 shrink-0">
              <StatusBadge status={run.status} />
            </span>
            <RunLink
              run={run}
              className="min-w-0 truncate font-mono text-soft text-xs after:absolute after:inset-0"
            />
            <span className="ml-auto text-faint text-xs">
              <RunRowLink run={run}>
                <RelativeTime at={run.createdAt} />
              </RunRowLink>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function LoadedTask({ task }: { task: TaskItem }) {
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
      <div className="min-w-0">
        <TestForm task={task} />
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <RecentRuns taskId={task.id} />
        <TaskFacts task={task} />
        {task.payloadSchema !== undefined && (
          <Panel title="Payload schema">
            <JsonView value={task.payloadSchema} />
          </Panel>
        )}
      </div>
    </div>
  );
}

function TaskBody({ taskId }: { taskId: string }) {
  const { data, error, refetch } = useTasks();
  const task = data?.data.find(({ id }) => id === taskId);
  if (task) return <LoadedTask task={task} />;
  if (data) {
    return (
      <EmptyState title="There is no such task">
        <p>The current deployment has no task “{taskId}”.</p>
      </EmptyState>
    );
  }
  if (error)
    return <ErrorPanel title="The task could not be read" error={error} onRetry={() => void refetch()} />;
  return <Skeleton className="h-96" />;
}

/** One task: a form to run it, and its latest runs. */
export function TaskPage({ taskId }: { taskId: string }) {
  useTitle(taskId);
  const { environmentId } = useEnvironment();
  return (
    <>
      <PageHeader
        title={
          <span className="flex min-w-0 items-center gap-2">
            <Link
              to="/env/$environmentId/tasks"
              params={{ environmentId }}
              className="font-normal text-faint hover:text-ink"
            >
              Tasks
            </Link>
            <ChevronRight aria-hidden="true" className="size-3.5 shrink-0 text-faint" />
            <span className="truncate">{taskId}</span>
          </span>
        }
      />
      <div className="scroll-thin min-h-0 flex-1 overflow-y-auto p-4 md:p-6">
        <TaskBody taskId={taskId} />
      </div>
    </>
  );
}
