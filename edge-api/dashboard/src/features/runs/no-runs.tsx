import { Link } from "@tanstack/react-router";
import { Activity, SearchX } from "lucide-react";
import { buttonClasses } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { EmptyState } from "../../ui/states.tsx";
import { useEnvironment } from "../shell/use-environment.ts";
import { useTasks } from "../tasks/tasks-query.ts";

const triggerCommand = (taskId: string): string =>
  [
    `curl -X POST ${window.location.origin}/api/v1/tasks/${encodeURIComponent(taskId)}/trigger \\`,
    '  -H "Authorization: Bearer $LONGSHORE_SECRET_KEY" \\',
    '  -H "Content-Type: application/json" \\',
    `  -d '{"payload": {"hello": "world"}}'`,
  ].join("\n");

/** No run fits the filters. */
export const NoRunsFound = () => (
  <EmptyState icon={<SearchX />} title="No run fits these filters">
    <p>Widen the period, or clear a filter.</p>
  </EmptyState>
);

/** No run was ever triggered here: how to make the first. */
export function NoRunsYet() {
  const { environmentId } = useEnvironment();
  const { data } = useTasks();
  return (
    <EmptyState icon={<Activity />} title="No run yet">
      <p>Trigger a task from your code, from its page, or from a terminal:</p>
      <CodeBlock text={triggerCommand(data?.data[0]?.id ?? "my-task")} label="Copy the command" />
      <Link
        to="/env/$environmentId/tasks"
        params={{ environmentId }}
        className={buttonClasses({ look: "primary", className: "mt-4" })}
      >
        See the tasks
      </Link>
    </EmptyState>
  );
}
