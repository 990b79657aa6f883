import { createRoute } from "@tanstack/react-router";
import { AgentsPage } from "../features/agents/agents-page.tsx";
import { environmentRoute } from "./environment.tsx";

export const agentsRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/agents",
  component: AgentsPage,
});
