import { createRoute } from "@tanstack/react-router";
import { SignInPage } from "../features/sign-in/sign-in-page.tsx";
import { rootRoute } from "./root.tsx";

function SignIn() {
  const { token, code } = signInRoute.useSearch();
  return <SignInPage {...(token === undefined ? {} : { token })} {...(code === undefined ? {} : { code })} />;
}

export const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { token?: string; code?: string } => ({
    ...(typeof search.token === "string" ? { token: search.token } : {}),
    ...(typeof search.code === "string" ? { code: search.code } : {}),
  }),
  component: SignIn,
});
