import type { RunItem } from "@longshore/sdk";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEnvironment } from "../shell/use-environment.ts";
import { type RunsSearch, toListQuery } from "./run-filters.ts";

/** How often a list that is looked at is read again. Units: milliseconds. */
const liveMs = 1_500;

export type RunsPageData = {
  data: RunItem[];
  pagination: { next?: string | undefined; previous?: string | undefined };
};

/** A page of runs; while `live`, read again and again as long as the browser's tab is visible. */
export const useRuns = (search: RunsSearch, live: boolean) => {
  const { environmentId, client } = useEnvironment();
  return useQuery({
    queryKey: ["runs", environmentId, search],
    queryFn: async (): Promise<RunsPageData> => {
      const { data, pagination } = await client.runs.list(toListQuery(search));
      return { data, pagination };
    },
    placeholderData: keepPreviousData,
    refetchInterval: live ? liveMs : false,
  });
};
