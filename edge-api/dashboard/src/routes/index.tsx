import { createRoute, redirect } from "@tanstack/react-router";
import { NoEnvironmentsPage } from "../features/shell/no-environments-page.tsx";
import { recall } from "../lib/remembered.ts";
import { sessionQuery } from "../lib/session.ts";
import { rootRoute } from "./root.tsx";

/** `/`: the runs of the environment that was looked at last. */
export const indexRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  beforeLoad: async ({ context }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (!session) throw redirect({ to: "/sign-in" });
    const last = recall("environment");
    const environment = session.environments.find(({ id }) => id === last) ?? session.environments[0];
    if (environment) {
      throw redirect({
        to: "/env/$environmentId/runs",
        params: { environmentId: environment.id },
        replace: true,
      });
    }
  },
  component: NoEnvironmentsPage,
});
