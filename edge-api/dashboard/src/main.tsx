import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { forgetEnvironmentClients } from "./lib/environment-client.ts";
import { isSignedOutError, sessionQuery } from "./lib/session.ts";
import { watchTheme } from "./lib/theme.ts";
import { createAppRouter } from "./router.tsx";
import "./styles.css";

/** A session that ended while the page was open: whichever request notices it leads to the sign-in page. */
const onError = (error: unknown): void => {
  if (!isSignedOutError(error)) return;
  queryClient.setQueryData(sessionQuery.queryKey, null);
  forgetEnvironmentClients();
  void router.navigate({ to: "/sign-in" });
};

const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: { queries: { retry: false, staleTime: 1_000 } },
});
const router = createAppRouter(queryClient);

watchTheme();
const root = document.getElementById("root");
if (!root) throw new Error("the page has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
