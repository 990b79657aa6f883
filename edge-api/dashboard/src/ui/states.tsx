import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "../lib/cn.ts";
import { errorMessage } from "../lib/error-message.ts";
import { Button } from "./button.tsx";

/** Nothing to show, and what to do about it. */
export function EmptyState(props: { icon?: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-xl flex-col items-center px-6 py-16 text-center">
      {props.icon && (
        <div className="mb-3 flex size-10 items-center justify-center rounded-xl border bg-surface text-faint [&_svg]:size-5">
          {props.icon}
        </div>
      )}
      <h2 className="font-semibold text-[15px]">{props.title}</h2>
      <div className="mt-1 w-full text-soft">{props.children}</div>
    </div>
  );
}

/** An error as its message, and a way to try again. */
export function ErrorPanel(props: {
  title?: string;
  error: unknown;
  onRetry?: () => void;
  className?: string;
}) {
  return (
    <div
      role="alert"
      className={cn(
        "flex items-start gap-3 rounded-lg border border-bad/30 bg-bad-wash px-4 py-3",
        props.className,
      )}
    >
      <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">{props.title ?? "The API answered with an error"}</p>
        <p className="wrap-anywhere mt-0.5 text-soft">{errorMessage(props.error)}</p>
      </div>
      {props.onRetry && (
        <Button size="sm" onClick={props.onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Grey bars in the place of what is being loaded. */
export const Skeleton = ({ className }: { className?: string }) => (
  <div aria-hidden="true" className={cn("animate-pulse rounded bg-hover", className)} />
);

/** A titled box of a page. */
export function Panel(props: {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section className={cn("min-w-0 overflow-hidden rounded-lg border bg-surface", props.className)}>
      {props.title && (
        <header className="flex h-9 items-center justify-between gap-2 border-b pr-2 pl-4">
          <h2 className="truncate font-medium text-xs">{props.title}</h2>
          {props.actions}
        </header>
      )}
      {props.children}
    </section>
  );
}
