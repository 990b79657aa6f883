import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { type Egress, egressRules, nameServersOf } from "../core/egress.ts";

/** How the tools are called; an image that carries its own names their path and libraries. */
export type FirewallTool = (name: string, args: string[]) => { command: string; args: string[] };

export type FirewallSet = { kind: "set"; changed: boolean } | { kind: "unable"; why: string };

/** Units: milliseconds; beside Docker the tools wait for each other's lock. */
const toolTimeoutMs = 20_000;
const installed: FirewallTool = (name, args) => ({ command: name, args });
/** The second one names the servers behind a local resolver, which Docker gives to containers. */
const resolvConfs = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

const run = (tool: FirewallTool, name: string, args: string[], input?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { command, args: all } = tool(name, args);
    const child = execFile(command, all, { timeout: toolTimeoutMs }, (error, stdout, stderr) => {
      const [says] = stderr.trim().split("\n");
      // Without a word of the tool it is the error itself, whose code tells that there is no tool.
      if (error) reject(says ? new Error(says) : error);
      else resolve(stdout);
    });
    child.stdin?.on("error", () => {}); // it ended before it read; its exit code says why
    child.stdin?.end(input ?? "");
  });

const readOr = (path: string, otherwise: string): Promise<string> =>
  readFile(path, "utf8").catch(() => otherwise);

/** One family of addresses: the chain as a whole in one step, then its place before all that others have set. */
const setFamily = async (
  tool: FirewallTool,
  program: "iptables" | "ip6tables",
  { chain, bridge }: Egress,
  rules: string[][],
): Promise<boolean> => {
  const lines = rules.map((rule) => `-A ${chain} ${rule.join(" ")}`);
  const table = ["*filter", `:${chain} - [0:0]`, ...lines, "COMMIT", ""].join("\n");
  await run(tool, `${program}-restore`, ["--wait", "10", "--noflush"], table);
  const chains = await run(tool, program, ["--wait", "10", "-S"]);
  // Docker leaves the content of its own chain for users alone and keeps it first; without it the whole way is ours.
  const forward = /^-N DOCKER-USER$/m.test(chains) ? "DOCKER-USER" : "FORWARD";
  let changed = false;
  for (const place of ["INPUT", forward]) {
    const rule = `-A ${place} -i ${bridge} -j ${chain}`;
    const there = chains.split("\n").filter((line) => line.startsWith(`-A ${place} `));
    const at = there.indexOf(rule);
    // Before it only what filters other networks of ours.
    if (at >= 0 && there.slice(0, at).every((line) => / -i lsh-[0-9a-f]+ -j LONGSHORE-/.test(line))) continue;
    await run(tool, program, ["--wait", "10", "-I", place, "1", "-i", bridge, "-j", chain]);
    if (at >= 0) await run(tool, program, ["--wait", "10", "-D", place, String(at + 2)]);
    changed = true;
  }
  return changed;
};

/**
 * Makes this host's firewall refuse what comes from the network's bridge and is not for the internet. Needs root or
 * CAP_NET_ADMIN in the network namespace of the engine; may be called again at any time, and mends what was undone.
 *
 * Errors: none thrown; why it could not be done, for a person. Cost: some 30 ms in a few processes.
 */
export const setEgressRules = async (
  egress: Egress,
  tool: FirewallTool = installed,
): Promise<FirewallSet> => {
  if (process.platform !== "linux") return { kind: "unable", why: "this is not the engine's own Linux host" };
  const nameServers = (await Promise.all(resolvConfs.map((path) => readOr(path, "")))).flatMap(nameServersOf);
  const { v4, v6 } = egressRules(egress, [...new Set(nameServers)]);
  try {
    let changed = await setFamily(tool, "iptables", egress, v4);
    // A kernel without IPv6 has nothing to filter.
    if (await readOr("/proc/net/if_inet6", "")) {
      changed = (await setFamily(tool, "ip6tables", egress, v6)) || changed;
    }
    return { kind: "set", changed };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "iptables is not installed" : `the firewall refuses: ${message}`;
    return { kind: "unable", why };
  }
};

/** Whether what one container sends another on a bridge passes the firewall at all; null when that cannot be seen. */
export const seesBridges = async (): Promise<boolean | null> => {
  const text = await readOr("/proc/sys/net/bridge/bridge-nf-call-iptables", "");
  return text === "" ? null : text.trim() === "1";
};

/** Shape: null once the network of this bridge was made, and what its containers send each other is filtered. */
const whyUnseen = async (bridge: string): Promise<string | null> => {
  if (!(await stat(`/sys/class/net/${bridge}`).catch(() => null))) return null; // the engine turns it on as it makes one
  return (await seesBridges()) === false
    ? "bridge-nf-call-iptables is off: bridges pass the firewall by; set it to 1"
    : null;
};

/** Sets the rules, and looks whether they see all that containers send. Errors, cost: as `setEgressRules`. */
export const filterEgress = async (egress: Egress, tool?: FirewallTool): Promise<FirewallSet> => {
  const set = await setEgressRules(egress, tool);
  const why = set.kind === "set" ? await whyUnseen(egress.bridge) : null;
  return why === null ? set : { kind: "unable", why };
};
