import { createRoute, redirect } from "@tanstack/react-router";
import { ApprovePage } from "../features/sign-in/approve-page.tsx";
import { sessionQuery } from "../lib/session.ts";
import { rootRoute } from "./root.tsx";

function Approve() {
  const { code } = approveRoute.useSearch();
  return <ApprovePage code={code} />;
}

/** `/approve?code=…`: a program that waits to be signed in. */
export const approveRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/approve",
  validateSearch: (search: Record<string, unknown>): { code: string } => ({
    code: typeof search.code === "string" ? search.code : "",
  }),
  beforeLoad: async ({ context, search }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (!session) throw redirect({ to: "/sign-in", search: { code: search.code } });
  },
  component: Approve,
});
