import { useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, Pause, Play } from "lucide-react";
import { useCallback, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { ErrorPanel, Skeleton } from "../../ui/states.tsx";
import { Tooltip } from "../../ui/tooltip.tsx";
import { PageHeader, useTitle } from "../shell/page-header.tsx";
import { NoRunsFound, NoRunsYet } from "./no-runs.tsx";
import { isFiltered, type RunsSearch } from "./run-filters.ts";
import { RunsFilterBar } from "./runs-filter-bar.tsx";
import { type RunsPageData, useRuns } from "./runs-query.ts";
import { RunsTable } from "./runs-table.tsx";

const skeletonRows = ["a", "b", "c", "d", "e", "f", "g", "h"];

const Loading = () => (
  <div role="status" aria-label="Loading runs" className="flex-1 space-y-px">
    {skeletonRows.map((row) => (
      <div key={row} className="flex h-10 items-center gap-6 border-b px-4 md:px-6">
        <Skeleton className="h-5 w-24" />
        <Skeleton className="h-3 w-28" />
        <Skeleton className="h-3 flex-1" />
      </div>
    ))}
  </div>
);

function LiveButton({ live, onToggle }: { live: boolean; onToggle: () => void }) {
  return (
    <Tooltip text={live ? "New runs appear as they are made" : "The list stands still"}>
      <Button onClick={onToggle} aria-pressed={live}>
        {live ? (
          <span aria-hidden="true" className="size-1.5 animate-pulse rounded-full bg-good" />
        ) : (
          <span aria-hidden="true" className="size-1.5 rounded-full bg-faint" />
        )}
        {live ? "Live" : "Paused"}
        {live ? <Pause className="text-faint" /> : <Play className="text-faint" />}
      </Button>
    </Tooltip>
  );
}

function Pages(props: { page: RunsPageData | undefined; onPage: (page: Partial<RunsSearch>) => void }) {
  const { next, previous } = props.page?.pagination ?? {};
  if (!next && !previous) return null;
  return (
    <nav
      aria-label="Pages"
      className="flex shrink-0 items-center justify-end gap-2 border-t bg-surface px-4 py-2 md:px-6"
    >
      <Button disabled={!previous} onClick={() => props.onPage({ before: previous ?? "" })}>
        <ChevronLeft />
        Newer
      </Button>
      <Button disabled={!next} onClick={() => props.onPage({ after: next ?? "" })}>
        Older
        <ChevronRight />
      </Button>
    </nav>
  );
}

function RunsBody(props: { search: RunsSearch; runs: ReturnType<typeof useRuns> }) {
  const { data, error, isPlaceholderData, refetch } = props.runs;
  if (!data) {
    if (!error) return <Loading />;
    return (
      <div className="flex-1 p-4 md:p-6">
        <ErrorPanel title="The runs could not be read" error={error} onRetry={() => void refetch()} />
      </div>
    );
  }
  if (data.data.length > 0) return <RunsTable runs={data.data} stale={isPlaceholderData} />;
  return (
    <div className="flex-1 overflow-y-auto">{isFiltered(props.search) ? <NoRunsFound /> : <NoRunsYet />}</div>
  );
}

/** Every run of the environment, newest first. */
export function RunsPage() {
  useTitle("Runs");
  const search = useSearch({ from: "/env/$environmentId/runs" });
  const navigate = useNavigate({ from: "/env/$environmentId/runs" });
  const [live, setLive] = useState(true);
  const runs = useRuns(search, live);
  // A filter begins again at the first page.
  const onFilter = useCallback(
    (changed: Partial<RunsSearch>) =>
      void navigate({ search: (old) => ({ ...old, after: "", before: "", ...changed }), replace: true }),
    [navigate],
  );
  const onPage = (page: Partial<RunsSearch>) =>
    void navigate({ search: (old) => ({ ...old, after: "", before: "", ...page }) });
  return (
    <>
      <PageHeader title="Runs" actions={<LiveButton live={live} onToggle={() => setLive(!live)} />} />
      <RunsFilterBar search={search} onChange={onFilter} />
      {runs.data && runs.error && (
        <ErrorPanel
          className="mx-4 my-2 md:mx-6"
          title="The list may be out of date"
          error={runs.error}
          onRetry={() => void runs.refetch()}
        />
      )}
      <RunsBody search={search} runs={runs} />
      <Pages page={runs.data} onPage={onPage} />
    </>
  );
}
