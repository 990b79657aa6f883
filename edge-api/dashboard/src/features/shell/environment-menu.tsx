import type { Session } from "@longshore/shared/contract/dashboard";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { ChevronsUpDown } from "lucide-react";
import { cn } from "../../lib/cn.ts";
import { Menu, MenuChoice } from "../../ui/menu.tsx";

type Environment = Session["environments"][number];

const dots: Record<Environment["type"], string> = {
  production: "bg-good",
  staging: "bg-warn",
  preview: "bg-pause",
  development: "bg-busy",
};
const names: Record<Environment["type"], string> = {
  production: "Production",
  staging: "Staging",
  preview: "Preview",
  development: "Development",
};

const Dot = ({ type }: { type: Environment["type"] }) => (
  <span aria-hidden="true" className={cn("size-2 shrink-0 rounded-full", dots[type])} />
);

const nameOf = (environment: Environment) =>
  environment.type === "preview" ? `Preview: ${environment.slug}` : names[environment.type];

const sectionOf = (path: string): "runs" | "tasks" | "agents" => {
  const section = path.split("/")[3];
  return section === "tasks" || section === "agents" ? section : "runs";
};

/** Which environment is looked at; another one opens at the same section. */
export function EnvironmentMenu(props: { current: Environment; environments: readonly Environment[] }) {
  const navigate = useNavigate();
  const path = useLocation({ select: ({ pathname }) => pathname });
  const open = (environmentId: string) => {
    void navigate({ to: `/env/$environmentId/${sectionOf(path)}`, params: { environmentId } });
  };
  const { current } = props;
  return (
    <Menu
      trigger={
        <button
          type="button"
          className="flex w-full min-w-0 items-center gap-2.5 rounded-lg border bg-surface px-2.5 py-1.5 text-left hover:bg-hover"
        >
          <Dot type={current.type} />
          <span className="sr-only">Environment:</span>
          <span className="min-w-0 flex-1">
            <span className="block truncate text-faint text-2xs">{current.projectName}</span>
            <span className="block truncate font-medium leading-4">{nameOf(current)}</span>
          </span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-faint" />
        </button>
      }
    >
      <MenuChoice
        value={current.id}
        onChange={open}
        choices={props.environments.map((environment) => ({
          value: environment.id,
          label: (
            <>
              <Dot type={environment.type} />
              <span>{nameOf(environment)}</span>
              <span className="ml-auto pl-4 text-faint text-xs">{environment.projectName}</span>
            </>
          ),
        }))}
      />
    </Menu>
  );
}
