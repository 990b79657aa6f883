import { createRoute } from "@tanstack/react-router";
import { SignInPage } from "../features/sign-in/sign-in-page.tsx";
import { rootRoute } from "./root.tsx";

function SignIn() {
  const { token } = signInRoute.useSearch();
  return <SignInPage {...(token === undefined ? {} : { token })} />;
}

export const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { token?: string } =>
    typeof search.token === "string" ? { token: search.token } : {},
  component: SignIn,
});
