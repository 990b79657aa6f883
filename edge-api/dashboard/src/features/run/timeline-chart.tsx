import { cn } from "../../lib/cn.ts";
import { formatDuration } from "../../lib/format.ts";
import { axisTicks, type Chart, type Span, type SpanKind, type TimelineRow } from "./build-timeline.ts";

const spanClasses: Record<SpanKind, string> = {
  delay: "text-warn hatched bg-warn/15",
  queue: "text-faint hatched bg-faint/15",
  start: "bg-busy/35",
  execute: "bg-busy",
  wait: "bg-pause",
  pause: "text-warn hatched bg-warn/15",
};
const resultClasses = { good: "bg-good", bad: "bg-bad", quiet: "bg-faint" } as const;
const spanNames: Record<SpanKind, string> = {
  delay: "delayed",
  queue: "queued",
  start: "starting",
  execute: "executing",
  wait: "waiting",
  pause: "until retry",
};

const gridClasses =
  "grid grid-cols-[7.5rem_minmax(0,1fr)_4rem] md:grid-cols-[11rem_minmax(0,1fr)_4.5rem] gap-x-3";
const percent = (part: number, whole: number): string => `${(100 * part) / whole}%`;

const colourOf = (span: Span, row: TimelineRow): string =>
  span.kind === "execute" && row.result ? resultClasses[row.result] : spanClasses[span.kind];

function Bar({ span, row, chart }: { span: Span; row: TimelineRow; chart: Chart }) {
  const whole = chart.to - chart.from;
  return (
    <span
      title={`${spanNames[span.kind]}: ${formatDuration(span.to - span.from)}`}
      className={cn(
        "absolute top-1/2 h-2.5 min-w-[3px] -translate-y-1/2 rounded-[3px]",
        colourOf(span, row),
        span.open && "rounded-r-none",
      )}
      style={{ left: percent(span.from - chart.from, whole), width: percent(span.to - span.from, whole) }}
    >
      {span.open && <span className="absolute inset-y-0 right-0 w-0.5 animate-pulse bg-ink" />}
    </span>
  );
}

const lengthOf = (row: TimelineRow): number => {
  const from = Math.min(...row.spans.map((span) => span.from));
  const to = Math.max(...row.spans.map((span) => span.to));
  return to - from;
};

const describe = (row: TimelineRow): string =>
  row.spans.map((span) => `${spanNames[span.kind]} ${formatDuration(span.to - span.from)}`).join(", ");

function Row({ row, chart }: { row: TimelineRow; chart: Chart }) {
  return (
    <li className={cn(gridClasses, "h-7 items-center")} aria-label={`${row.label}: ${describe(row)}`}>
      <span className={cn("flex min-w-0 items-baseline gap-1.5 text-xs", row.nested && "pl-3 text-soft")}>
        <span className="shrink-0">{row.label}</span>
        {row.note && <span className="truncate text-2xs text-faint">{row.note}</span>}
      </span>
      <span className="relative h-full">
        {row.spans.map((span) => (
          <Bar key={`${span.kind}-${span.from}`} span={span} row={row} chart={chart} />
        ))}
      </span>
      <span className="text-right text-soft text-xs tabular-nums">
        {row.spans.length > 0 && formatDuration(lengthOf(row))}
      </span>
    </li>
  );
}

/** Bars over time: what the run did when, from its creation to its end or to now. */
export function TimelineChart({ chart }: { chart: Chart }) {
  const whole = chart.to - chart.from;
  const ticks = axisTicks(whole);
  return (
    <div className="scroll-thin max-h-96 overflow-y-auto px-4 pt-2 pb-3">
      <div className={cn(gridClasses, "h-5")} aria-hidden="true">
        <span />
        <span className="relative text-2xs text-faint tabular-nums">
          {ticks.map((tick) => (
            <span
              key={tick}
              className={cn("absolute whitespace-nowrap", tick > 0 && "-translate-x-1/2")}
              style={{ left: percent(tick, whole) }}
            >
              {tick === 0 ? "0" : formatDuration(tick)}
            </span>
          ))}
        </span>
        <span />
      </div>
      <div className="relative">
        <div className={cn(gridClasses, "pointer-events-none absolute inset-0")} aria-hidden="true">
          <span />
          <span className="relative">
            {ticks.map((tick) => (
              <span
                key={tick}
                className="absolute inset-y-0 w-px bg-line"
                style={{ left: percent(tick, whole) }}
              />
            ))}
          </span>
          <span />
        </div>
        <ol aria-label="Timeline" className="relative">
          {chart.rows.map((row) => (
            <Row key={row.key} row={row} chart={chart} />
          ))}
        </ol>
      </div>
    </div>
  );
}
