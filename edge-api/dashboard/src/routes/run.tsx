import { createRoute } from "@tanstack/react-router";
import { RunPage } from "../features/run/run-page.tsx";
import { environmentRoute } from "./environment.tsx";

function Run() {
  const { runId } = runRoute.useParams();
  return <RunPage key={runId} runId={runId} />;
}

export const runRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/runs/$runId",
  component: Run,
});
