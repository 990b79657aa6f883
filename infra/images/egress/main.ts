import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { markEveryMs } from "@longshore/agent/adapters/egress-mark";
import type { FirewallTool } from "@longshore/agent/adapters/firewall";
import { egressFor, filteredNetwork } from "@longshore/agent/core/egress";
import { PolicyError, readAllowed } from "../docker-gate/policy.ts";
import { tendRules } from "./tend-rules.ts";

/**
 * The container `egress` of docker-compose.agent.yml: in the host's network, with the one right to set firewall rules,
 * and nothing else. It sets what containers may reach, says so to the agent beside it, and looks again now and then.
 */
const markPath = process.env.LONGSHORE_EGRESS_MARK || "/run/longshore-egress/ready.json";
/** iptables as the image carries it, with its own loader and libraries: the base image need not have any. */
const folder = "/opt/iptables";
const carried: FirewallTool = (name, args) => ({
  command: `${folder}/loader`,
  args: ["--library-path", `${folder}/lib`, `${folder}/xtables-multi`, name, ...args],
});
process.env.XTABLES_LIBDIR = `${folder}/xtables`;

const main = async (): Promise<void> => {
  const network = process.env.LONGSHORE_NETWORK || filteredNetwork;
  mkdirSync(dirname(markPath), { recursive: true });
  rmSync(markPath, { force: true });
  if (network !== filteredNetwork) {
    console.error(`nothing to filter: LONGSHORE_NETWORK is ${network}`);
    for (;;) await sleep(2 ** 31 - 1);
  }
  const egress = egressFor(readAllowed(process.env));
  for (let last = ""; ; await sleep(markEveryMs)) {
    const set = await tendRules(egress, markPath, carried);
    const said = set.kind === "set" ? `the rules for ${egress.bridge} are set` : set.why;
    if (said !== last || (set.kind === "set" && set.changed)) console.error(said);
    last = said;
  }
};

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
main().catch((error: unknown) => {
  console.error(error instanceof PolicyError ? error.message : error);
  process.exit(1);
});
