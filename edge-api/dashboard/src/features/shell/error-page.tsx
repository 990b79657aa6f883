import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { ErrorPanel } from "../../ui/states.tsx";

/** What a page shows instead of itself when it throws. */
export function ErrorPage({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  return (
    <main className="mx-auto max-w-2xl px-5 py-16">
      <ErrorPanel
        title="This page could not be shown"
        error={error}
        onRetry={() => {
          reset();
          void router.invalidate();
        }}
      />
    </main>
  );
}
