import { removeEgressMark, writeEgressMark } from "@longshore/agent/adapters/egress-mark";
import { type FirewallSet, type FirewallTool, filterEgress } from "@longshore/agent/adapters/firewall";
import type { Egress } from "@longshore/agent/core/egress";

/**
 * Sets the rules where they are not, and renews the mark that the agent goes by; where they cannot be set it is taken
 * back at once. Errors: those of the mark's folder; what is not renewed ends by itself.
 */
export const tendRules = async (
  egress: Egress,
  markPath: string,
  tool?: FirewallTool,
): Promise<FirewallSet> => {
  const atMs = Date.now();
  const set = await filterEgress(egress, tool);
  if (set.kind === "set") await writeEgressMark(markPath, egress.bridge, atMs);
  else await removeEgressMark(markPath);
  return set;
};
