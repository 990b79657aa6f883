import { Link } from "@tanstack/react-router";
import { FlaskConical, Package } from "lucide-react";
import { cn } from "../../lib/cn.ts";
import { buttonClasses } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../ui/states.tsx";
import { PageHeader, useTitle } from "../shell/page-header.tsx";
import { useEnvironment } from "../shell/use-environment.ts";
import { describeMachine, describeQueue, describeRetry, type TaskItem } from "./describe-task.ts";
import { useTasks } from "./tasks-query.ts";

function Count(props: { taskId: string; count: number; status: string; className: string; label: string }) {
  const { environmentId } = useEnvironment();
  if (props.count === 0) return <span className="text-faint">0</span>;
  return (
    <Link
      to="/env/$environmentId/runs"
      params={{ environmentId }}
      search={{ task: props.taskId, status: props.status }}
      aria-label={`${props.count} ${props.label} runs of ${props.taskId}`}
      className={cn("font-medium hover:underline", props.className)}
    >
      {props.count}
    </Link>
  );
}

function TaskRow({ task }: { task: TaskItem }) {
  const { environmentId } = useEnvironment();
  const queue = describeQueue(task);
  const machine = describeMachine(task);
  const to = { to: "/env/$environmentId/tasks/$taskId", params: { environmentId, taskId: task.id } } as const;
  return (
    <tr className="border-b last:border-b-0 hover:bg-hover/60">
      <td className="max-w-0 py-2.5 pr-4 pl-4">
        <Link {...to} className="font-medium hover:text-accent hover:underline">
          {task.id}
        </Link>
        <p
          className={cn("truncate text-faint text-xs", !task.description && "xl:hidden")}
          title={task.filePath}
        >
          {task.description ?? task.filePath}
        </p>
        {task.queued + task.running > 0 && (
          <p className="mt-0.5 text-xs sm:hidden">
            <span className="text-warn">{task.queued} queued</span>
            <span className="ml-2 text-busy">{task.running} running</span>
          </p>
        )}
      </td>
      <td className="max-w-0 truncate pr-4 font-mono text-soft text-xs max-xl:hidden" title={task.filePath}>
        {task.filePath}
      </td>
      <td className="pr-4 max-lg:hidden">
        <span className={task.queue ? "" : "text-faint"}>{queue.name}</span>
        {queue.limit && <span className="block text-faint text-xs">{queue.limit}</span>}
      </td>
      <td className={cn("pr-4 max-lg:hidden", !task.retry && "text-faint")}>{describeRetry(task)}</td>
      <td className="pr-4 max-lg:hidden">
        <span className={task.machine ? "" : "text-faint"}>{machine.name}</span>
        {machine.size && <span className="block whitespace-nowrap text-faint text-xs">{machine.size}</span>}
      </td>
      <td className="pr-4 text-right tabular-nums max-sm:hidden">
        <Count
          taskId={task.id}
          count={task.queued}
          status="QUEUED,DELAYED"
          label="queued"
          className="text-warn"
        />
      </td>
      <td className="pr-4 text-right tabular-nums max-sm:hidden">
        <Count
          taskId={task.id}
          count={task.running}
          status="DEQUEUED,EXECUTING"
          label="running"
          className="text-busy"
        />
      </td>
      <td className="pr-4 text-right">
        <Link {...to} className={buttonClasses()} aria-label={`Test ${task.id}`}>
          <FlaskConical />
          Test
        </Link>
      </td>
    </tr>
  );
}

const headings = [
  { name: "Task", className: "pl-4 text-left w-[32%] max-lg:w-auto" },
  { name: "File", className: "text-left max-xl:hidden w-[22%]" },
  { name: "Queue", className: "text-left max-lg:hidden" },
  { name: "Retries", className: "text-left max-lg:hidden" },
  { name: "Machine", className: "text-left max-lg:hidden" },
  { name: "Queued", className: "text-right max-sm:hidden w-16" },
  { name: "Running", className: "text-right max-sm:hidden w-16" },
] as const;

const TaskTable = ({ tasks }: { tasks: readonly TaskItem[] }) => (
  <table className="w-full rounded-lg border bg-surface [border-collapse:separate] [border-spacing:0] [&_td]:border-line [&_tr:not(:last-child)_td]:border-b">
    <thead className="bg-sunken">
      <tr className="h-8 font-medium text-faint text-xs [&_th]:border-b [&_th]:pr-4 [&_th]:font-medium">
        {headings.map(({ name, className }) => (
          <th key={name} scope="col" className={className}>
            {name}
          </th>
        ))}
        <th className="w-20">
          <span className="sr-only">Test</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {tasks.map((task) => (
        <TaskRow key={task.id} task={task} />
      ))}
    </tbody>
  </table>
);

const Loading = () => (
  <div role="status" aria-label="Loading tasks" className="space-y-2">
    <Skeleton className="h-12" />
    <Skeleton className="h-12" />
    <Skeleton className="h-12" />
  </div>
);

function TasksBody({ tasks }: { tasks: ReturnType<typeof useTasks> }) {
  const { data, error, refetch } = tasks;
  if (!data && !error) return <Loading />;
  if (!data)
    return <ErrorPanel title="The tasks could not be read" error={error} onRetry={() => void refetch()} />;
  if (data.data.length > 0) return <TaskTable tasks={data.data} />;
  return (
    <EmptyState icon={<Package />} title="No task is deployed here">
      <p>Deploy your project to this environment, or run it from its folder:</p>
      <CodeBlock text={"npx longshore dev\nnpx longshore deploy"} label="Copy the commands" />
    </EmptyState>
  );
}

/** The tasks of the environment's current deployment. */
export function TasksPage() {
  useTitle("Tasks");
  const tasks = useTasks();
  const first = tasks.data?.data[0];
  return (
    <>
      <PageHeader title="Tasks" note={first && <>version {first.version}</>} />
      <div className="scroll-thin min-h-0 flex-1 overflow-y-auto p-4 md:p-6">
        <TasksBody tasks={tasks} />
      </div>
    </>
  );
}
