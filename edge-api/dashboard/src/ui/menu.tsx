import { Menu as Base } from "@base-ui/react/menu";
import { Check } from "lucide-react";
import type { ReactElement, ReactNode } from "react";

const popupClasses =
  "scroll-thin max-h-[min(28rem,var(--available-height))] min-w-44 overflow-y-auto rounded-lg border bg-surface p-1 shadow-pop outline-none";
const itemClasses =
  "flex cursor-default select-none items-center gap-2 rounded-md px-2 py-1.5 text-[13px] outline-none data-highlighted:bg-hover [&_svg]:size-3.5 [&_svg]:shrink-0";

type MenuProps = {
  trigger: ReactElement<Record<string, unknown>>;
  children: ReactNode;
  align?: "start" | "center" | "end";
};

/** A button that opens a list of actions or choices. */
export function Menu({ trigger, children, align = "start" }: MenuProps) {
  return (
    <Base.Root modal={false}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} sideOffset={4} className="z-50">
          <Base.Popup className={popupClasses}>{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

/** One of several choices that may be on together; the menu stays open. */
export function MenuCheck(props: {
  checked: boolean;
  onChange: (checked: boolean) => void;
  children: ReactNode;
}) {
  return (
    <Base.CheckboxItem
      className={itemClasses}
      checked={props.checked}
      onCheckedChange={(checked) => props.onChange(checked)}
      closeOnClick={false}
    >
      <span className="flex size-3.5 items-center justify-center rounded-[3px] border border-line-strong has-[svg]:border-accent has-[svg]:bg-accent">
        <Base.CheckboxItemIndicator>
          <Check className="size-3! stroke-[3] text-accent-ink" />
        </Base.CheckboxItemIndicator>
      </span>
      {props.children}
    </Base.CheckboxItem>
  );
}

/** Exactly one of several choices. */
export function MenuChoice<T extends string>(props: {
  value: T;
  onChange: (value: T) => void;
  choices: readonly { value: T; label: ReactNode }[];
}) {
  return (
    <Base.RadioGroup value={props.value} onValueChange={(value: T) => props.onChange(value)}>
      {props.choices.map(({ value, label }) => (
        <Base.RadioItem key={value} value={value} className={itemClasses} closeOnClick>
          <span className="flex w-3.5 justify-center">
            <Base.RadioItemIndicator>
              <Check />
            </Base.RadioItemIndicator>
          </span>
          {label}
        </Base.RadioItem>
      ))}
    </Base.RadioGroup>
  );
}
