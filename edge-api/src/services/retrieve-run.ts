import type { Run } from "@longshore/shared/contract/runs";
import type { Principal } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { packetAddress } from "./packets.ts";
import { getReadableRun } from "./read-run.ts";
import { serialiseRun, type Vocabulary } from "./serialise-run.ts";

/** `GET /api/v3/runs/:id`, with addresses of what is stored apart. Units: `origin` is where callers reach this API. */
export const readRun = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  options: { vocabulary: Vocabulary; origin: string },
): Promise<Run> => {
  const found = await getReadableRun(deps, principal, runId);
  const { environmentId, payload, payloadType, output, outputType } = found.run;
  const run = serialiseRun(found, options.vocabulary);
  const addressOf = (path: string) => packetAddress(deps, "GET", { environmentId, path }, options.origin);
  if (payloadType === "application/store" && payload !== null)
    run.payloadPresignedUrl = await addressOf(payload);
  if (run.status === "COMPLETED" && outputType === "application/store" && output !== null)
    run.outputPresignedUrl = await addressOf(output);
  return run;
};
