import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useEnvironment } from "../shell/use-environment.ts";

/** A link to a run's page in this environment. */
export function RunLink(props: { run: { id: string }; className?: string; children: ReactNode }) {
  const { environmentId } = useEnvironment();
  return (
    <Link
      to="/env/$environmentId/runs/$runId"
      params={{ environmentId, runId: props.run.id }}
      aria-label={`Run ${props.run.id}`}
      className={props.className ?? "text-accent hover:underline"}
    >
      {props.children}
    </Link>
  );
}
