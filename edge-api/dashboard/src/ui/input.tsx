import type { ComponentProps, ReactNode } from "react";
import { cn } from "../lib/cn.ts";

const fieldClasses =
  "w-full rounded-md border border-line-strong bg-surface px-2.5 text-[13px] text-ink placeholder:text-faint focus-visible:border-accent focus-visible:outline-1 focus-visible:outline-offset-0 disabled:opacity-60 aria-invalid:border-bad";

export const Input = ({ className, ...rest }: ComponentProps<"input">) => (
  <input className={cn(fieldClasses, "h-8", className)} {...rest} />
);

export const Textarea = ({ className, ...rest }: ComponentProps<"textarea">) => (
  <textarea className={cn(fieldClasses, "scroll-thin py-2", className)} {...rest} />
);

/** A labelled field with a hint or an error under it. */
export function Field(props: {
  label: string;
  htmlFor: string;
  hint?: ReactNode;
  error?: string | null;
  children: ReactNode;
}) {
  return (
    <div className="min-w-0">
      <label htmlFor={props.htmlFor} className="mb-1 block font-medium text-soft text-xs">
        {props.label}
      </label>
      {props.children}
      {props.error ? (
        <p id={`${props.htmlFor}-note`} role="alert" className="mt-1 text-bad text-xs">
          {props.error}
        </p>
      ) : (
        props.hint && (
          <p id={`${props.htmlFor}-note`} className="mt-1 text-faint text-xs">
            {props.hint}
          </p>
        )
      )}
    </div>
  );
}
