import type { ReactNode } from "react";
import { Logo } from "./logo.tsx";

/** A page with one message, outside of the shell. */
export function CentredPage({ children }: { children: ReactNode }) {
  return (
    <main className="flex min-h-full flex-col items-center justify-center px-5 py-16">
      <div className="w-full max-w-[25rem]">
        <div className="mb-6 flex items-center gap-2.5">
          <Logo className="size-8" />
          <span className="font-semibold text-lg tracking-tight">Longshore</span>
        </div>
        {children}
      </div>
    </main>
  );
}
