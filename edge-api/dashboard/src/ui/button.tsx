import { Button as BaseButton } from "@base-ui/react/button";
import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { cn } from "../lib/cn.ts";

export const buttonClasses = cva(
  "inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors data-disabled:cursor-not-allowed data-disabled:opacity-50 [&_svg]:size-3.5 [&_svg]:shrink-0",
  {
    variants: {
      look: {
        primary: "bg-accent text-accent-ink not-data-disabled:hover:bg-accent-hover",
        plain: "border border-line-strong bg-surface text-ink not-data-disabled:hover:bg-hover",
        ghost: "text-soft not-data-disabled:hover:bg-hover not-data-disabled:hover:text-ink",
        danger:
          "border border-line-strong bg-surface text-bad not-data-disabled:hover:border-bad/50 not-data-disabled:hover:bg-bad-wash",
        "danger-solid":
          "bg-bad text-white not-data-disabled:hover:brightness-95 dark:text-accent-ink dark:not-data-disabled:hover:brightness-110",
      },
      size: {
        sm: "h-7 px-2.5 text-xs",
        md: "h-8 px-3 text-[13px]",
        icon: "size-7",
        "icon-sm": "size-6",
      },
    },
    defaultVariants: { look: "plain", size: "sm" },
  },
);

type ButtonProps = Omit<ComponentProps<typeof BaseButton>, "className"> &
  VariantProps<typeof buttonClasses> & { className?: string };

/** A button. `focusableWhenDisabled` keeps it reachable, so that a tooltip can say why it is disabled. */
export function Button({ look, size, className, ...rest }: ButtonProps) {
  return <BaseButton className={cn(buttonClasses({ look, size }), className)} {...rest} />;
}
