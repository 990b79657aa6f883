import type { QueryClient } from "@tanstack/react-query";
import { createRouter } from "@tanstack/react-router";
import { ErrorPage } from "./features/shell/error-page.tsx";
import { NotFoundPage } from "./features/shell/not-found-page.tsx";
import { parseSearch, stringifySearch } from "./lib/search-params.ts";
import { agentRoute } from "./routes/agent.tsx";
import { agentsRoute } from "./routes/agents.tsx";
import { approveRoute } from "./routes/approve.tsx";
import { environmentIndexRoute, environmentRoute } from "./routes/environment.tsx";
import { indexRoute } from "./routes/index.tsx";
import { rootRoute } from "./routes/root.tsx";
import { runRoute } from "./routes/run.tsx";
import { runsRoute } from "./routes/runs.tsx";
import { signInRoute } from "./routes/sign-in.tsx";
import { taskRoute } from "./routes/task.tsx";
import { tasksRoute } from "./routes/tasks.tsx";

const routeTree = rootRoute.addChildren([
  indexRoute,
  signInRoute,
  approveRoute,
  environmentRoute.addChildren([
    environmentIndexRoute,
    runsRoute,
    runRoute,
    tasksRoute,
    taskRoute,
    agentsRoute,
    agentRoute,
  ]),
]);

export const createAppRouter = (queryClient: QueryClient) =>
  createRouter({
    routeTree,
    context: { queryClient },
    parseSearch,
    stringifySearch,
    defaultPreload: false,
    defaultErrorComponent: ErrorPage,
    defaultNotFoundComponent: NotFoundPage,
    scrollRestoration: true,
  });

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
