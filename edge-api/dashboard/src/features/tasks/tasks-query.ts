import { useQuery } from "@tanstack/react-query";
import { useEnvironment } from "../shell/use-environment.ts";

/** Units: milliseconds. */
const tasksMs = 3_000;

/** The tasks of the current deployment, with how many of their runs are queued and running. */
export const useTasks = () => {
  const { environmentId, client } = useEnvironment();
  return useQuery({
    queryKey: ["tasks", environmentId],
    queryFn: () => client.tasks.list(),
    refetchInterval: tasksMs,
  });
};
