import { createRoute } from "@tanstack/react-router";
import { TaskPage } from "../features/tasks/task-page.tsx";
import { environmentRoute } from "./environment.tsx";

function Task() {
  const { taskId } = taskRoute.useParams();
  return <TaskPage key={taskId} taskId={taskId} />;
}

export const taskRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/tasks/$taskId",
  component: Task,
});
