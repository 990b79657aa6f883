import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";

type TabItem = { value: string; label: ReactNode; panel: ReactNode };

/** Panels of which one is seen. */
export function Tabs({
  items,
  actions,
  label,
}: {
  items: readonly TabItem[];
  actions?: ReactNode;
  label: string;
}) {
  return (
    <Base.Root defaultValue={items[0]?.value ?? null}>
      <div className="flex items-center justify-between border-b pr-2">
        <Base.List aria-label={label} className="relative flex gap-1 px-2">
          {items.map((item) => (
            <Base.Tab
              key={item.value}
              value={item.value}
              className="h-9 px-2 font-medium text-faint text-xs outline-offset-[-4px] hover:text-ink data-active:text-ink"
            >
              {item.label}
            </Base.Tab>
          ))}
          <Base.Indicator className="-bottom-px absolute left-(--active-tab-left) h-0.5 w-(--active-tab-width) rounded-full bg-accent transition-all" />
        </Base.List>
        {actions}
      </div>
      {items.map((item) => (
        <Base.Panel key={item.value} value={item.value} className="outline-none">
          {item.panel}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}
