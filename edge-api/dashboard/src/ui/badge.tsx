import type { ReactNode } from "react";
import { cn } from "../lib/cn.ts";
import type { Tone } from "../lib/run-status.ts";

export const toneClasses: Record<Tone, string> = {
  good: "bg-good-wash text-good",
  bad: "bg-bad-wash text-bad",
  warn: "bg-warn-wash text-warn",
  busy: "bg-busy-wash text-busy",
  pause: "bg-pause-wash text-pause",
  quiet: "bg-hover text-soft",
};

/** A word on a wash of its tone. */
export function Badge({
  tone = "quiet",
  className,
  children,
}: {
  tone?: Tone;
  className?: string;
  children: ReactNode;
}) {
  return (
    <span
      className={cn(
        "inline-flex h-5 items-center gap-1 whitespace-nowrap rounded-[5px] px-1.5 font-medium text-xs [&_svg]:size-3",
        toneClasses[tone],
        className,
      )}
    >
      {children}
    </span>
  );
}

/** A tag: a quieter badge for words that users chose. */
export const Tag = ({ children }: { children: ReactNode }) => (
  <span className="inline-block max-w-48 truncate rounded-[5px] border bg-surface px-1.5 text-soft text-xs leading-[18px]">
    {children}
  </span>
);
