import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { shortId } from "../../lib/format.ts";
import { useEnvironment } from "../shell/use-environment.ts";

/** The same link around something that must lie above a row's link; the keyboard needs only one of the two. */
export function RunRowLink(props: { run: { id: string }; children: ReactNode }) {
  const { environmentId } = useEnvironment();
  return (
    <Link
      to="/env/$environmentId/runs/$runId"
      params={{ environmentId, runId: props.run.id }}
      tabIndex={-1}
      className="relative z-10"
    >
      {props.children}
    </Link>
  );
}

/** A link to a run's page in this environment; without a text of its own it is the short id, read out in full. */
export function RunLink(props: { run: { id: string }; className?: string; children?: ReactNode }) {
  const { environmentId } = useEnvironment();
  const { id } = props.run;
  return (
    <Link
      to="/env/$environmentId/runs/$runId"
      params={{ environmentId, runId: id }}
      className={props.className ?? "text-accent hover:underline"}
    >
      {props.children ?? (
        <>
          <span className="sr-only">Run {id}</span>
          <span aria-hidden="true">{shortId(id)}</span>
        </>
      )}
    </Link>
  );
}
