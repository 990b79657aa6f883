import { Dialog as Base } from "@base-ui/react/dialog";
import type { ReactElement, ReactNode } from "react";
import { cn } from "../lib/cn.ts";

export const DialogClose = Base.Close;

type DialogProps = {
  title: string;
  description?: ReactNode;
  trigger?: ReactElement<Record<string, unknown>>;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  children?: ReactNode;
  footer?: ReactNode;
  className?: string;
};

/** A modal dialog with a title, a body and its buttons. */
export function Dialog(props: DialogProps) {
  const { title, description, trigger, open, onOpenChange, children, footer, className } = props;
  return (
    <Base.Root
      {...(open === undefined ? {} : { open })}
      {...(onOpenChange ? { onOpenChange: (next: boolean) => onOpenChange(next) } : {})}
    >
      {trigger && <Base.Trigger render={trigger} />}
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/30 backdrop-blur-[1px] dark:bg-black/60" />
        <Base.Popup
          className={cn(
            "-translate-x-1/2 fixed top-[12vh] left-1/2 z-50 flex max-h-[80vh] w-[min(30rem,calc(100vw-2rem))] flex-col rounded-xl border bg-surface shadow-pop outline-none",
            className,
          )}
        >
          <div className="px-5 pt-4">
            <Base.Title className="font-semibold text-[15px]">{title}</Base.Title>
            {description && <Base.Description className="mt-1 text-soft">{description}</Base.Description>}
          </div>
          {children && <div className="scroll-thin min-h-0 overflow-y-auto px-5 pt-3">{children}</div>}
          {footer && <div className="mt-4 flex justify-end gap-2 border-t px-5 py-3">{footer}</div>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
