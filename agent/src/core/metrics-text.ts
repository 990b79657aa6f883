import type { AgentStatus } from "./agent-status.ts";
import { startBuckets } from "./meter.ts";

type Sample = { labels?: Record<string, string>; suffix?: string; value: number };

const escapeLabel = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const family = (name: string, type: string, help: string, samples: readonly Sample[]): string => {
  const lines = samples.map(({ labels = {}, suffix = "", value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    return `longshore_agent_${name}${suffix}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
  });
  const full = `longshore_agent_${name}`;
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...lines].join("\n");
};

const histogram = ({ starts }: AgentStatus["measured"]): Sample[] => [
  ...startBuckets.map((bound, index) => ({
    suffix: "_bucket",
    labels: { le: String(bound) },
    value: starts.counts[index] ?? 0,
  })),
  { suffix: "_bucket", labels: { le: "+Inf" }, value: starts.count },
  { suffix: "_sum", value: starts.sum },
  { suffix: "_count", value: starts.count },
];

const mib = 1024 * 1024;

const roomGauges = ({ capacity, room }: AgentStatus): string[] => {
  if (capacity === null || room === null) return [];
  const samples = (key: keyof typeof capacity, unit: number): Sample[] => [
    { labels: { state: "all" }, value: capacity[key] * unit },
    { labels: { state: "free" }, value: room[key] * unit },
  ];
  return [
    family("cpus", "gauge", "CPUs that runs may be given together, and that are left.", samples("cpu", 1)),
    family(
      "memory_bytes",
      "gauge",
      "Memory that runs may be given together, and that is left.",
      samples("memoryMb", mib),
    ),
  ];
};

/** The agent's metrics. Source: Prometheus text format 0.0.4. */
export const metricsText = (status: AgentStatus): string => {
  const { measured, outbox } = status;
  const gauge = (name: string, help: string, value: number) => family(name, "gauge", help, [{ value }]);
  const calls = (["polls", "reports"] as const).flatMap((call) => [
    { labels: { call, outcome: "ok" }, value: measured[call].ok },
    { labels: { call, outcome: "error" }, value: measured[call].error },
  ]);
  const { agentId, name, runtime, version } = status;
  return `${[
    family("info", "gauge", "Which agent this is.", [
      { labels: { agent_id: agentId, name, runtime, version }, value: 1 },
    ]),
    gauge("slots", "Runs that may execute at once.", status.slots),
    gauge("free", "Runs that could be taken now.", status.free),
    ...roomGauges(status),
    gauge("running", "Runs being started or executed.", status.running),
    gauge("waiting", "Runs that wait and keep their process here.", status.waiting),
    gauge("generic", "Containers that are ready and hold no code.", status.pool.generic),
    gauge("warm", "Containers that are ready, hold code and have no run.", status.pool.warm),
    gauge("outbox_facts", "Facts that the API has not acknowledged.", outbox.facts),
    gauge("outbox_bytes", "Size of those facts.", outbox.bytes),
    gauge("silence_seconds", "Since the API was last heard.", status.silentMs / 1_000),
    gauge("frozen", "1 while runs are frozen because the API is silent.", Number(status.paused)),
    gauge("draining", "1 while no more runs are taken.", Number(status.draining)),
    gauge("healthy", "1 while the API is heard.", Number(status.healthy)),
    gauge("problems", "Reasons why fewer runs are taken than there are slots.", status.problems.length),
    family("calls_total", "counter", "Requests to the API.", calls),
    family("leases_total", "counter", "Runs that were taken.", [{ value: measured.leases }]),
    family("start_errors_total", "counter", "Runs that could not be started.", [
      { value: measured.startErrors },
    ]),
    family("start_seconds", "histogram", "From a run's lease to its own start.", histogram(measured)),
    family(
      "loop_info",
      "gauge",
      "What each loop is doing now.",
      Object.entries(status.loops).map(([loop, doing]) => ({ labels: { loop, doing }, value: 1 })),
    ),
  ].join("\n")}\n`;
};
