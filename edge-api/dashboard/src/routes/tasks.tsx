import { createRoute } from "@tanstack/react-router";
import { TasksPage } from "../features/tasks/tasks-page.tsx";
import { environmentRoute } from "./environment.tsx";

export const tasksRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: "/tasks",
  component: TasksPage,
});
