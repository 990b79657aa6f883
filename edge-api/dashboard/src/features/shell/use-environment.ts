import type { Client } from "@longshore/sdk";
import { useParams } from "@tanstack/react-router";
import { environmentClient } from "../../lib/environment-client.ts";

/** The environment that the URL names, and the client for it. */
export const useEnvironment = (): { environmentId: string; client: Client } => {
  const { environmentId } = useParams({ from: "/env/$environmentId" });
  return { environmentId, client: environmentClient(environmentId) };
};
