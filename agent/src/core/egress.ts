import { createHash } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";

/** The network of the runs' containers whose traffic is filtered, and what filters it. */
export type Egress = {
  network: string;
  /** Name of the network's bridge on the host. */
  bridge: string;
  /** Name of the chain of firewall rules. */
  chain: string;
  /** What is let through in spite of the rules. Shape: CIDRs, sorted. */
  allow: readonly string[];
};

/** `LONGSHORE_NETWORK` for the filtered network; every other value is a network of the operator's. */
export const filteredNetwork = "filtered";

/** What containers may not reach unless it is listed: this host's neighbours, and the services that hand out its keys. */
const blocked4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10", // carrier-grade NAT; a cloud's metadata is at 100.100.100.200
  "127.0.0.0/8",
  "168.63.129.16/32", // a cloud's host agent, at an address that looks public
  "169.254.0.0/16", // link local; metadata at 169.254.169.254
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.88.99.0/24", // relays into IPv6, given up; some networks still lead it to a host of theirs
  "192.168.0.0/16",
  "198.18.0.0/15", // for measuring inside a network; in use as one more private range
  "224.0.0.0/4",
  "240.0.0.0/4",
];
const blocked6 = [
  "::/128",
  "::1/128",
  "::ffff:0:0/96",
  "64:ff9b::/96", // IPv4 through NAT64
  "fc00::/7", // unique local; metadata at fd00:ec2::254
  "fe80::/10",
  "ff00::/8",
];

/** Errors: what is wrong with it, in words; null when it is an address or a CIDR. */
export const whyNoCidr = (text: string): string | null => {
  const [address = "", bits, ...rest] = text.split("/");
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : null;
  if (most === null || rest.length > 0) return `${text} is no address or network such as 10.1.0.0/16`;
  if (bits === undefined) return null;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? null : `${text} has no prefix of 0 to ${most} bits`;
};

/** Agents with the same list share a network; another list has another one. */
export const egressFor = (allowed: readonly string[]): Egress => {
  const allow = [...new Set(allowed)].sort();
  const name = createHash("sha256").update(allow.join(",")).digest("hex").slice(0, 8);
  return {
    network: allow.length === 0 ? "longshore-egress" : `longshore-egress-${name}`,
    bridge: `lsh-${name}`,
    chain: `LONGSHORE-${name}`,
    allow,
  };
};

/** The Docker network that a setting means. */
export const dockerNetworkOf = (config: { network: string; egressAllow: readonly string[] }): string =>
  config.network === filteredNetwork ? egressFor(config.egressAllow).network : config.network;

/** How the filtered network is made. Source: Docker Engine API 1.41, driver `bridge`. */
export const networkOptions = ({ network, bridge }: Egress) => ({
  Name: network,
  Driver: "bridge",
  CheckDuplicate: true,
  EnableIPv6: false,
  Options: {
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.name": bridge,
  },
  Labels: { "dev.longshore.network": "egress" },
});

/** A table of iptables: every line after `-A <chain>`, the first that fits decides. */
export type Rules = { v4: string[][]; v6: string[][] };

/** A reset for TCP: the kernel sends only so many ICMP answers a second, and leaves the rest to time-outs. */
const refuse = (match: string[]): string[][] => [
  [...match, "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"],
  [...match, "-j", "REJECT"],
];
const pass = ["-j", "RETURN"];

/**
 * The rules of the chain that sees everything that comes from the bridge.
 *
 * Answers to what came in pass, and so do name servers of the host, on their port alone: they often have private
 * addresses. What is refused is told so at once: a task meets an error and not a time-out.
 */
export const egressRules = ({ allow }: Egress, nameServers: readonly string[]): Rules => {
  const build = (isOfFamily: (address: string) => boolean, blocked: readonly string[]): string[][] => [
    ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", ...pass],
    ...nameServers
      .filter(isOfFamily)
      .flatMap((server) =>
        ["udp", "tcp"].map((protocol) => ["-d", server, "-p", protocol, "--dport", "53", ...pass]),
      ),
    ...allow.filter((cidr) => isOfFamily(cidr.split("/")[0] ?? "")).map((cidr) => ["-d", cidr, ...pass]),
    // Whatever address this host has, also a public one.
    ...refuse(["-m", "addrtype", "--dst-type", "LOCAL"]),
    ...blocked.flatMap((cidr) => refuse(["-d", cidr])),
  ];
  const neighbours = ["neighbour-solicitation", "neighbour-advertisement"].map((type) => [
    ...["-p", "icmpv6", "--icmpv6-type", type],
    ...pass,
  ]);
  return { v4: build(isIPv4, blocked4), v6: [...neighbours, ...build(isIPv6, blocked6)] };
};

/** Name servers of a resolv.conf that are not this host itself. */
export const nameServersOf = (resolvConf: string): string[] =>
  [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)]
    .map(([, address = ""]) => address.replace(/%.*$/, ""))
    .filter((address) => (isIPv4(address) || isIPv6(address)) && !/^127\.|^::1$/.test(address));
