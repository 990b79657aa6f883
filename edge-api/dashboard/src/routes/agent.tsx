import { createRoute } from "@tanstack/react-router";
import { AgentPage } from "../features/agents/agent-page.tsx";
import { environmentRoute } from "./environment.tsx";

function Agent() {
  const { agentId } = agentRoute.useParams();
  return <AgentPage key={agentId} agentId={agentId} />;
}

export const agentRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/agents/$agentId",
  component: Agent,
});
