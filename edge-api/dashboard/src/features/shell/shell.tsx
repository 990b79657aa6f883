import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link, Navigate, Outlet, useNavigate } from "@tanstack/react-router";
import { Activity, LogOut, Package, Server } from "lucide-react";
import { forgetEnvironmentClients } from "../../lib/environment-client.ts";
import { errorMessage } from "../../lib/error-message.ts";
import { sessionQuery, signOut } from "../../lib/session.ts";
import { Button } from "../../ui/button.tsx";
import { useToasts } from "../../ui/toast.tsx";
import { Tooltip } from "../../ui/tooltip.tsx";
import { EnvironmentMenu } from "./environment-menu.tsx";
import { Logo } from "./logo.tsx";
import { ThemeMenu } from "./theme-menu.tsx";
import { useEnvironment } from "./use-environment.ts";

const sections = [
  { to: "/env/$environmentId/runs", label: "Runs", Icon: Activity },
  { to: "/env/$environmentId/tasks", label: "Tasks", Icon: Package },
  { to: "/env/$environmentId/agents", label: "Agents", Icon: Server },
] as const;

function Sections() {
  const { environmentId } = useEnvironment();
  return sections.map(({ to, label, Icon }) => (
    <Link
      key={to}
      to={to}
      params={{ environmentId }}
      className="flex h-8 items-center gap-2.5 rounded-md px-2.5 font-medium text-soft transition-colors hover:bg-hover hover:text-ink data-[status=active]:bg-accent-wash data-[status=active]:text-accent"
    >
      <Icon className="size-4" />
      {label}
    </Link>
  ));
}

function SignOutButton() {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const toasts = useToasts();
  const leave = async () => {
    try {
      await signOut();
      forgetEnvironmentClients();
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, null);
      await navigate({ to: "/sign-in" });
    } catch (error) {
      toasts.add({ title: "You are still signed in", description: errorMessage(error), type: "error" });
    }
  };
  return (
    <Tooltip text="Sign out">
      <Button look="ghost" size="icon" aria-label="Sign out" onClick={() => void leave()}>
        <LogOut />
      </Button>
    </Tooltip>
  );
}

/** The frame of every page of an environment: a column of sections, or two lines of them on a narrow screen. */
export function Shell() {
  const { data: session } = useSuspenseQuery(sessionQuery);
  const { environmentId } = useEnvironment();
  const current = session?.environments.find(({ id }) => id === environmentId);
  if (!session) return <Navigate to="/sign-in" />;
  if (!current) return <Navigate to="/" />;
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-md focus:bg-surface focus:px-3 focus:py-1.5"
      >
        Skip to the page
      </a>
      <aside className="flex shrink-0 flex-col gap-2 border-b bg-sunken p-2 md:w-56 md:gap-3 md:border-r md:border-b-0 md:p-3">
        <div className="flex items-center gap-2 md:px-1 md:pt-1">
          <Link to="/" className="flex items-center gap-2" aria-label="Longshore, home">
            <Logo />
            <span className="hidden font-semibold text-[15px] tracking-tight md:inline">Longshore</span>
          </Link>
          <div className="min-w-0 flex-1 md:hidden">
            <EnvironmentMenu current={current} environments={session.environments} />
          </div>
          <div className="flex md:hidden">
            <ThemeMenu />
            <SignOutButton />
          </div>
        </div>
        <div className="hidden md:block">
          <EnvironmentMenu current={current} environments={session.environments} />
        </div>
        <nav aria-label="Sections" className="flex gap-0.5 md:flex-col">
          <Sections />
        </nav>
        <div className="mt-auto hidden items-center gap-1 border-t pt-2 pl-1.5 md:flex">
          <div className="min-w-0 flex-1">
            {session.user.name && <p className="truncate font-medium text-xs">{session.user.name}</p>}
            <p className="truncate text-2xs text-faint">{session.user.email}</p>
          </div>
          <ThemeMenu />
          <SignOutButton />
        </div>
      </aside>
      <main id="main" className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Outlet />
      </main>
    </div>
  );
}
