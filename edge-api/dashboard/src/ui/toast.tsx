import { Toast as Base } from "@base-ui/react/toast";
import { X } from "lucide-react";
import type { ReactNode } from "react";

export const useToasts = Base.useToastManager;

function Toasts() {
  const { toasts } = Base.useToastManager();
  return toasts.map((toast) => (
    <Base.Root
      key={toast.id}
      toast={toast}
      className="mb-2 flex items-start gap-3 rounded-lg border bg-surface px-3.5 py-3 shadow-pop data-[type=error]:border-bad/40"
    >
      <div className="min-w-0 flex-1">
        <Base.Title className="font-medium" />
        <Base.Description className="wrap-anywhere text-soft" />
      </div>
      <Base.Close aria-label="Dismiss" className="rounded p-0.5 text-faint hover:text-ink">
        <X className="size-3.5" />
      </Base.Close>
    </Base.Root>
  ));
}

/** Messages that pass: what an action did, or why it did not. */
export function ToastProvider({ children }: { children: ReactNode }) {
  return (
    <Base.Provider timeout={6_000}>
      {children}
      <Base.Portal>
        <Base.Viewport className="fixed right-4 bottom-4 z-50 w-[min(22rem,calc(100vw-2rem))]">
          <Toasts />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  );
}
