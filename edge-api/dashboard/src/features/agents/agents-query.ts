import { useQuery } from "@tanstack/react-query";
import { useEnvironment } from "../shell/use-environment.ts";

/** Units: milliseconds. */
const agentsMs = 2_000;

/** The agents of the environment's pool, asked for again while they are looked at. */
export const useAgents = () => {
  const { environmentId, client } = useEnvironment();
  return useQuery({
    queryKey: ["agents", environmentId],
    queryFn: () => client.agents.list(),
    refetchInterval: agentsMs,
  });
};
