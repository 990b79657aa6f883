import type { ReactNode } from "react";
import { useEffect } from "react";

/** Names the browser's tab after the page. */
export const useTitle = (title: string): void => {
  useEffect(() => {
    document.title = `${title} · Longshore`;
  }, [title]);
};

/** The top line of a page: what it is, and what can be done. */
export function PageHeader(props: { title: ReactNode; note?: ReactNode; actions?: ReactNode }) {
  return (
    <header className="flex min-h-13 shrink-0 items-center justify-between gap-3 border-b bg-surface px-4 md:px-6">
      <div className="flex min-w-0 items-baseline gap-3">
        <h1 className="truncate font-semibold text-[15px]">{props.title}</h1>
        {props.note && <span className="hidden truncate text-faint sm:inline">{props.note}</span>}
      </div>
      {props.actions && <div className="flex shrink-0 items-center gap-2">{props.actions}</div>}
    </header>
  );
}
