import type { AgentStatus } from "./agent-status.ts";

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const table = (caption: string, rows: readonly (readonly [string, string | number])[]): string => {
  const body = rows.map(
    ([name, value]) =>
      `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`,
  );
  return `<table><caption>${escapeHtml(caption)}</caption>${body.join("")}</table>`;
};

const stateOf = (status: AgentStatus): string => {
  if (!status.healthy) return "does not hear the API";
  if (status.paused) return "runs are frozen: the API is silent";
  if (status.draining) return status.drainingHere ? "draining, asked for on this host" : "draining";
  return status.problems.length > 0 ? "claims are held back" : "at work";
};

const style =
  "body{font:14px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}" +
  "table{border-collapse:collapse;width:100%;margin:1rem 0}caption{text-align:left;font-weight:600}" +
  "th{text-align:left;font-weight:400;color:#666;width:12rem;vertical-align:top}th,td{padding:.2rem .5rem;" +
  "border-top:1px solid #ddd;overflow-wrap:anywhere}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}" +
  "th{color:#999}th,td{border-color:#333}}";

/** One page without assets or scripts that says what the agent is doing now; it asks again every two seconds. */
export const statusPage = (status: AgentStatus): string => {
  const { agentId, name, version, runtime, outbox, lastError } = status;
  const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;
  const facts = [
    ["state", stateOf(status)],
    ...status.problems.map((problem) => ["problem", problem] as const),
    [
      "runs",
      `${status.running} running, ${status.waiting} waiting, ${status.free} of ${status.slots} slots free`,
    ],
    ...(status.capacity && status.room
      ? [
          [
            "room",
            `${status.room.cpu} of ${status.capacity.cpu} CPUs and ${status.room.memoryMb} of ${status.capacity.memoryMb} MiB left`,
          ] as const,
        ]
      : []),
    ["ready containers", `${status.pool.warm} with code, ${status.pool.generic} without`],
    ["outbox", `${outbox.facts} facts, ${outbox.bytes} bytes`],
    [
      "API last heard",
      `${seconds(status.silentMs)} ago; runs go on for ${seconds(status.runsForMs)} without it`,
    ],
    ["last error", lastError === null ? "none" : `${lastError.at} ${lastError.message}`],
    ["agent", `${agentId}, version ${version}, runtime ${runtime}, up ${seconds(status.upMs)}`],
  ] as const;
  const loops = Object.entries(status.loops);
  const held = status.held.map(
    ({ runId, epoch, isEnding }) => [runId, `epoch ${epoch}${isEnding ? ", ending" : ""}`] as const,
  );
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">' +
    `<meta http-equiv="refresh" content="2"><title>${escapeHtml(name)} · Longshore agent</title><style>${style}</style>` +
    `<h1>${escapeHtml(name)}</h1>${table("Now", facts)}${table("Loops", loops)}` +
    `${held.length > 0 ? table("Runs held", held) : "<p>No run is held.</p>"}</html>\n`
  );
};
