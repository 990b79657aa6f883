import { createRoute, notFound, redirect } from "@tanstack/react-router";
import { Shell } from "../features/shell/shell.tsx";
import { remember } from "../lib/remembered.ts";
import { sessionQuery } from "../lib/session.ts";
import { rootRoute } from "./root.tsx";

/** Everything about one environment, which the URL names. */
export const environmentRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/env/$environmentId",
  beforeLoad: async ({ context, params }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (!session) throw redirect({ to: "/sign-in" });
    if (!session.environments.some(({ id }) => id === params.environmentId)) throw notFound();
    remember("environment", params.environmentId);
  },
  component: Shell,
});

export const environmentIndexRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/env/$environmentId/runs", params, replace: true });
  },
});
