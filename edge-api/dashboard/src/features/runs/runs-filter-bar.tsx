import { runStatuses } from "@longshore/shared/contract/run-status";
import { ChevronDown, ListFilter, Package, Search, X } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { statusLooks } from "../../lib/run-status.ts";
import { Button } from "../../ui/button.tsx";
import { Input } from "../../ui/input.tsx";
import { Menu, MenuCheck, MenuChoice } from "../../ui/menu.tsx";
import { useTasks } from "../tasks/tasks-query.ts";
import { isFiltered, periods, type RunsSearch, statusesOf, tasksOf } from "./run-filters.ts";
import { StatusBadge } from "./status-badge.tsx";

type Change = (changed: Partial<Record<keyof RunsSearch, string>>) => void;
type BarProps = { search: RunsSearch; onChange: Change };

const typingMs = 350;
const toggled = (list: readonly string[], word: string, on: boolean): string =>
  (on ? [...list, word] : list.filter((other) => other !== word)).join(",");

const summaryOf = (chosen: readonly string[]): ReactNode =>
  chosen.length === 0 ? null : (
    <span className="max-w-40 truncate text-accent">{chosen.length === 1 ? chosen[0] : chosen.length}</span>
  );

function StatusFilter({ search, onChange }: BarProps) {
  const chosen = statusesOf(search);
  return (
    <Menu
      trigger={
        <Button>
          <ListFilter />
          Status
          {summaryOf(chosen.map((status) => statusLooks[status].label))}
          <ChevronDown className="text-faint" />
        </Button>
      }
    >
      {runStatuses.map((status) => (
        <MenuCheck
          key={status}
          checked={chosen.includes(status)}
          onChange={(on) => onChange({ status: toggled(chosen, status, on) })}
        >
          <StatusBadge status={status} />
        </MenuCheck>
      ))}
    </Menu>
  );
}

function TaskFilter({ search, onChange }: BarProps) {
  const chosen = tasksOf(search);
  const { data } = useTasks();
  // A task that is no longer deployed may still be filtered by.
  const ids = [...new Set([...chosen, ...(data?.data.map(({ id }) => id) ?? [])])].sort();
  return (
    <Menu
      trigger={
        <Button>
          <Package />
          Task
          {summaryOf(chosen)}
          <ChevronDown className="text-faint" />
        </Button>
      }
    >
      {ids.length === 0 && <p className="px-2 py-1.5 text-faint">No task is deployed.</p>}
      {ids.map((id) => (
        <MenuCheck
          key={id}
          checked={chosen.includes(id)}
          onChange={(on) => onChange({ task: toggled(chosen, id, on) })}
        >
          {id}
        </MenuCheck>
      ))}
    </Menu>
  );
}

function TagFilter({ search, onChange }: BarProps) {
  const committed = search.tag ?? "";
  const [text, setText] = useState(committed);
  useEffect(() => setText(committed), [committed]);
  useEffect(() => {
    if (text.trim() === committed) return;
    const timer = setTimeout(() => onChange({ tag: text.trim() }), typingMs);
    return () => clearTimeout(timer);
  }, [text, committed, onChange]);
  return (
    <div className="relative min-w-28 max-w-48 flex-1">
      <Search className="-translate-y-1/2 pointer-events-none absolute top-1/2 left-2 size-3.5 text-faint" />
      <Input
        type="search"
        aria-label="Filter by tag"
        placeholder="Tag"
        className="h-7 pl-7 text-xs"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </div>
  );
}

function PeriodFilter({ search, onChange }: BarProps) {
  const value = search.period ?? "";
  const label = periods.find((period) => period.value === value)?.label ?? `Last ${value}`;
  return (
    <Menu
      trigger={
        <Button aria-label={`Created: ${label}`}>
          <span className={value === "" ? "" : "text-accent"}>{label}</span>
          <ChevronDown className="text-faint" />
        </Button>
      }
    >
      <MenuChoice value={value} onChange={(period) => onChange({ period })} choices={periods} />
    </Menu>
  );
}

/** What the list is narrowed to; every choice is in the URL. */
export function RunsFilterBar({ search, onChange }: BarProps) {
  return (
    <search className="flex shrink-0 flex-wrap items-center gap-2 border-b px-4 py-2 md:px-6">
      <StatusFilter search={search} onChange={onChange} />
      <TaskFilter search={search} onChange={onChange} />
      <PeriodFilter search={search} onChange={onChange} />
      <TagFilter search={search} onChange={onChange} />
      {isFiltered(search) && (
        <Button look="ghost" onClick={() => onChange({ status: "", task: "", tag: "", period: "" })}>
          <X />
          Clear
        </Button>
      )}
    </search>
  );
}
