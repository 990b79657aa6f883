import type { RunItem } from "@longshore/sdk";
import { useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useRef } from "react";
import { cn } from "../../lib/cn.ts";
import { useMediaQuery } from "../../lib/use-media-query.ts";
import { cellClasses, gridClasses, runsColumns, runsTableFeatures } from "./runs-columns.tsx";

/** Units: pixels. */
const rowPx = 40;
const narrowRowPx = 60;
const overscanRows = 8;

/**
 * Keeps the rows that are looked at where they are when newer ones arrive above them. At the very top the newest are
 * wanted, so there nothing is held.
 */
const useSteadyScroll = (
  runs: readonly RunItem[],
  scroller: React.RefObject<HTMLDivElement | null>,
  px: number,
) => {
  const before = useRef(runs);
  useLayoutEffect(() => {
    const element = scroller.current;
    const seen = before.current;
    before.current = runs;
    if (!element || element.scrollTop === 0 || seen === runs) return;
    const topIndex = Math.floor(element.scrollTop / px);
    const nowIndex = runs.findIndex(({ id }) => id === seen[topIndex]?.id);
    if (nowIndex > topIndex) element.scrollTop += (nowIndex - topIndex) * px;
  }, [runs, scroller, px]);
};

/** The rows of a page of runs; only those in sight are in the document. */
export function RunsTable({ runs, stale }: { runs: RunItem[]; stale: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const wide = useMediaQuery("(min-width: 768px)");
  const px = wide ? rowPx : narrowRowPx;
  const table = useTable({
    features: runsTableFeatures,
    columns: runsColumns,
    data: runs,
    getRowId: (run) => run.id,
  });
  const { rows } = table.getRowModel();
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => px,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: overscanRows,
  });
  useLayoutEffect(() => {
    if (px > 0) virtual.measure();
  }, [px, virtual]);
  useSteadyScroll(runs, scroller, px);
  return (
    <div
      ref={scroller}
      className={cn("scroll-thin min-h-0 flex-1 overflow-y-auto bg-surface", stale && "opacity-60")}
    >
      <table aria-label="Runs" aria-rowcount={rows.length + 1} className="block">
        <thead className="sticky top-0 z-20 block border-b bg-sunken max-md:hidden">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className={cn(gridClasses, "h-8 font-medium text-faint text-xs")}>
              {group.headers.map((header) => (
                <th
                  scope="col"
                  key={header.id}
                  className={cn("text-left font-medium", cellClasses[header.column.id], "text-faint")}
                >
                  <table.FlexRender header={header} />
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody className="relative block" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => (
            <tr
              key={item.key}
              aria-rowindex={item.index + 2}
              className={cn(
                gridClasses,
                "group absolute inset-x-0 content-center border-b focus-within:bg-hover hover:bg-hover",
              )}
              style={{ height: px, transform: `translateY(${item.start}px)` }}
            >
              {rows[item.index]?.getAllCells().map((cell) => (
                <td key={cell.id} className={cn("min-w-0", cellClasses[cell.column.id])}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
