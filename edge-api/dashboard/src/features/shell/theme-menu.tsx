import { Monitor, Moon, Sun } from "lucide-react";
import { setTheme, type Theme, useTheme } from "../../lib/theme.ts";
import { Button } from "../../ui/button.tsx";
import { Menu, MenuChoice } from "../../ui/menu.tsx";

const choices: readonly { value: Theme; label: string }[] = [
  { value: "system", label: "As the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];
const icons = { system: Monitor, light: Sun, dark: Moon };

export function ThemeMenu() {
  const theme = useTheme();
  const Icon = icons[theme];
  return (
    <Menu
      trigger={
        <Button look="ghost" size="icon" aria-label="Theme">
          <Icon />
        </Button>
      }
    >
      <MenuChoice value={theme} onChange={setTheme} choices={choices} />
    </Menu>
  );
}
