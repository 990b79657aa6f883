import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, Outlet } from "@tanstack/react-router";
import { ToastProvider } from "../ui/toast.tsx";
import { TooltipProvider } from "../ui/tooltip.tsx";

function Root() {
  return (
    <TooltipProvider delay={250}>
      <ToastProvider>
        <Outlet />
      </ToastProvider>
    </TooltipProvider>
  );
}

export const rootRoute = createRootRouteWithContext<{ queryClient: QueryClient }>()({ component: Root });
