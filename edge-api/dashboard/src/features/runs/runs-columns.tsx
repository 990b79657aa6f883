import type { RunItem } from "@longshore/sdk";
import { createColumnHelper, tableFeatures } from "@tanstack/react-table";
import { FlaskConical } from "lucide-react";
import { shortId } from "../../lib/format.ts";
import { Tag } from "../../ui/badge.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { RunLink, RunRowLink } from "./run-link.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { ElapsedTime, QueuedTime, RelativeTime } from "./times.tsx";

export const runsTableFeatures = tableFeatures({});
const column = createColumnHelper<typeof runsTableFeatures, RunItem>();

const tagsShown = 2;

function TaskCell({ run }: { run: RunItem }) {
  return (
    <span className="flex min-w-0 items-center gap-1.5">
      <span className="truncate font-medium">{run.taskIdentifier}</span>
      {run.isTest && (
        <span title="Triggered from the test form" className="text-faint">
          <FlaskConical className="size-3.5" aria-label="Test" />
        </span>
      )}
    </span>
  );
}

function TagsCell({ tags }: { tags: readonly string[] }) {
  return (
    <span className="flex min-w-0 items-center gap-1">
      {tags.slice(0, tagsShown).map((tag) => (
        <Tag key={tag}>{tag}</Tag>
      ))}
      {tags.length > tagsShown && (
        <span className="text-faint text-xs" title={tags.slice(tagsShown).join(", ")}>
          +{tags.length - tagsShown}
        </span>
      )}
    </span>
  );
}

/** The columns; where each stands in the grid is its id's class in `cellClasses`. */
export const runsColumns = column.columns([
  column.display({
    id: "task",
    header: "Task",
    cell: ({ row }) => <TaskCell run={row.original} />,
  }),
  column.display({
    id: "run",
    header: "Run",
    cell: ({ row }) => (
      <span className="flex items-center gap-0.5">
        <RunLink run={row.original} className="font-mono text-soft text-xs after:absolute after:inset-0" />
        <CopyButton
          text={row.original.id}
          label={`Copy ${shortId(row.original.id)}`}
          className="relative z-10 opacity-0 focus-visible:opacity-100 group-hover:opacity-100"
        />
      </span>
    ),
  }),
  column.display({
    id: "status",
    header: "Status",
    cell: ({ row }) => <StatusBadge status={row.original.status} />,
  }),
  column.display({
    id: "version",
    header: "Version",
    cell: ({ row }) => <span className="font-mono text-soft text-xs">{row.original.version ?? "–"}</span>,
  }),
  column.display({
    id: "created",
    header: "Created",
    cell: ({ row }) => (
      <RunRowLink run={row.original}>
        <RelativeTime at={row.original.createdAt} />
      </RunRowLink>
    ),
  }),
  column.display({
    id: "queued",
    header: "Queued for",
    cell: ({ row }) => <QueuedTime run={row.original} />,
  }),
  column.display({
    id: "duration",
    header: "Duration",
    cell: ({ row }) => <ElapsedTime run={row.original} />,
  }),
  column.display({
    id: "tags",
    header: "Tags",
    cell: ({ row }) => <TagsCell tags={row.original.tags} />,
  }),
]);

/** On a narrow screen a row is two lines of two cells, and the rest is on the run's page. */
export const gridClasses =
  "grid items-center gap-x-4 gap-y-1 px-4 grid-cols-[minmax(0,1fr)_auto] [grid-template-areas:'task_status''run_created'] md:px-6 md:grid-cols-[8rem_9.5rem_minmax(8rem,1fr)_5.5rem_5rem] md:[grid-template-areas:'status_run_task_created_duration'] xl:grid-cols-[8rem_9.5rem_minmax(10rem,1fr)_6.5rem_6rem_5.5rem_5.5rem_minmax(8rem,1.1fr)] xl:[grid-template-areas:'status_run_task_version_created_queued_duration_tags']";

export const cellClasses: Record<string, string> = {
  task: "[grid-area:task]",
  run: "[grid-area:run]",
  status: "[grid-area:status] max-md:justify-self-end",
  version: "[grid-area:version] max-xl:hidden",
  created: "[grid-area:created] text-soft max-md:text-right",
  queued: "[grid-area:queued] tabular-nums text-soft text-right max-xl:hidden",
  duration: "[grid-area:duration] tabular-nums text-right max-md:hidden",
  tags: "[grid-area:tags] pl-3 max-xl:hidden",
};
