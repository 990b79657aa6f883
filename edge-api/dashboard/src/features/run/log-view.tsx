import type { Run } from "@longshore/sdk";
import type { LogLine } from "@longshore/shared/contract/runs";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, ChevronDown, Search } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { cn } from "../../lib/cn.ts";
import { formatAbsolute, formatClock } from "../../lib/format.ts";
import { isFinalStatus } from "../../lib/run-status.ts";
import { Button } from "../../ui/button.tsx";
import { Input } from "../../ui/input.tsx";
import { Menu, MenuChoice } from "../../ui/menu.tsx";
import { ErrorPanel, Panel } from "../../ui/states.tsx";
import { type LevelFilter, type LogItem, levelFilters, toLogItems } from "./log-items.ts";
import { useLogs } from "./run-queries.ts";

/** Units: pixels. */
const linePx = 22;
const nearEndPx = 32;

const levelClasses: Record<LogLine["level"], string> = {
  trace: "text-faint",
  debug: "text-faint",
  log: "text-soft",
  info: "text-busy",
  warn: "text-warn",
  error: "text-bad",
};

function Line({ line }: { line: LogLine }) {
  const at = new Date(line.at);
  return (
    <div
      className={cn(
        "flex gap-x-3 px-4 py-px font-mono text-xs leading-5",
        line.level === "error" && "bg-bad-wash/60",
        line.level === "warn" && "bg-warn-wash/50",
      )}
    >
      <time dateTime={line.at} title={formatAbsolute(at)} className="shrink-0 text-faint max-sm:hidden">
        {formatClock(at)}
      </time>
      <span className={cn("w-10 shrink-0", levelClasses[line.level])}>{line.level}</span>
      <span className="wrap-anywhere min-w-0 whitespace-pre-wrap">
        {line.message}
        {line.attributes && <span className="text-faint"> {JSON.stringify(line.attributes)}</span>}
      </span>
    </div>
  );
}

const AttemptMark = ({ number }: { number: number }) => (
  <div className="flex items-center gap-3 px-4 py-1 text-2xs text-faint">
    <span className="font-medium">Attempt {number}</span>
    <span className="h-px flex-1 bg-line" />
  </div>
);

function Lines({
  items,
  follow,
  onFollow,
}: {
  items: LogItem[];
  follow: boolean;
  onFollow: (on: boolean) => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => linePx,
    overscan: 20,
  });
  const go = useRef(() => {});
  go.current = () => virtual.scrollToIndex(items.length - 1, { align: "end" });
  useEffect(() => {
    if (follow && items.length > 0) go.current();
  }, [follow, items.length]);
  const lastTop = useRef(0);
  // Only a reader scrolls up; following only ever scrolls down.
  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < nearEndPx;
    const wentUp = element.scrollTop < lastTop.current;
    lastTop.current = element.scrollTop;
    if (follow && wentUp && !atEnd) onFollow(false);
  };
  return (
    <div
      ref={scroller}
      onScroll={onScroll}
      role="log"
      aria-label="Log lines"
      aria-live="off"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      className="scroll-thin max-h-[32rem] overflow-y-auto py-1.5 outline-offset-[-2px]"
    >
      <div className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((row) => {
          const item = items[row.index];
          return (
            <div
              key={row.key}
              data-index={row.index}
              ref={virtual.measureElement}
              className="absolute inset-x-0 top-0"
              style={{ transform: `translateY(${row.start}px)` }}
            >
              {item?.kind === "line" && <Line line={item.line} />}
              {item?.kind === "attempt" && <AttemptMark number={item.number} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Toolbar(props: {
  search: string;
  onSearch: (text: string) => void;
  level: LevelFilter;
  onLevel: (level: LevelFilter) => void;
  follow: boolean;
  onFollow: (on: boolean) => void;
}) {
  const label = levelFilters.find(({ value }) => value === props.level)?.label;
  return (
    <div className="flex items-center gap-1.5">
      <div className="relative w-28 sm:w-44">
        <Search className="-translate-y-1/2 pointer-events-none absolute top-1/2 left-2 size-3.5 text-faint" />
        <Input
          type="search"
          aria-label="Search the log"
          placeholder="Search"
          className="h-6.5 pl-7 text-xs"
          value={props.search}
          onChange={(event) => props.onSearch(event.target.value)}
        />
      </div>
      <Menu
        align="end"
        trigger={
          <Button look="ghost" className="h-6.5 px-2" aria-label={`Level: ${label}`}>
            <span className="max-sm:hidden">{label}</span>
            <ChevronDown />
          </Button>
        }
      >
        <MenuChoice value={props.level} onChange={props.onLevel} choices={levelFilters} />
      </Menu>
      <Button
        look="ghost"
        className={cn("h-6.5 px-2", props.follow && "bg-accent-wash text-accent")}
        aria-pressed={props.follow}
        onClick={() => props.onFollow(!props.follow)}
      >
        <ArrowDownToLine />
        <span className="max-sm:hidden">Follow</span>
      </Button>
    </div>
  );
}

const emptyText = (run: Run, total: number): string => {
  if (total > 0) return "No line fits the search and the level.";
  if (isFinalStatus(run.status)) return "This run wrote nothing.";
  return run.startedAt ? "Nothing was written yet." : "The log begins when the run starts.";
};

/** The run's log, live until its end. */
export function LogView({ run }: { run: Run }) {
  const { data, error, refetch } = useLogs(run);
  const [search, setSearch] = useState("");
  const [level, setLevel] = useState<LevelFilter>("all");
  const [follow, setFollow] = useState(!isFinalStatus(run.status));
  const lines = data?.lines;
  const items = useMemo(() => toLogItems(lines ?? [], level, search), [lines, level, search]);
  const total = lines?.length ?? 0;
  const controls = { search, onSearch: setSearch, level, onLevel: setLevel, follow, onFollow: setFollow };
  return (
    <Panel
      title={
        <>
          Log{" "}
          {total > 0 && (
            <span className="font-normal text-faint tabular-nums">
              {total.toLocaleString()} {total === 1 ? "line" : "lines"}
            </span>
          )}
        </>
      }
      actions={<Toolbar {...controls} />}
    >
      {error && (
        <ErrorPanel
          className="m-3"
          title="The log could not be read"
          error={error}
          onRetry={() => void refetch()}
        />
      )}
      {items.length > 0 ? (
        <Lines items={items} follow={follow} onFollow={setFollow} />
      ) : (
        <p className="px-4 py-10 text-center text-faint">
          {data ? emptyText(run, total) : error ? "" : "Reading…"}
        </p>
      )}
    </Panel>
  );
}
