import { createRoute } from "@tanstack/react-router";
import { readRunsSearch } from "../features/runs/run-filters.ts";
import { RunsPage } from "../features/runs/runs-page.tsx";
import { environmentRoute } from "./environment.tsx";

export const runsRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/runs",
  validateSearch: readRunsSearch,
  component: RunsPage,
});
