import Docker from "dockerode";

/** How `dockerode` reaches the engine that DOCKER_HOST names; its default socket when it is not set. */
export const connection = (host: string | undefined): Docker.DockerOptions => {
  if (!host) return { socketPath: "/var/run/docker.sock" };
  if (host.startsWith("unix://")) return { socketPath: host.slice("unix://".length) };
  const url = new URL(host.replace(/^tcp:/, "http:"));
  return {
    host: url.hostname,
    port: Number(url.port || 2375),
    protocol: url.protocol === "https:" ? "https" : "http",
  };
};

export type EngineError = {
  statusCode?: number;
  reason?: string;
  message: string;
  json?: { message?: string };
};
export const asEngineError = (error: unknown): EngineError =>
  error instanceof Error ? (error as Error & EngineError) : { message: String(error) };
export const engineSays = (error: EngineError): string => (error.json?.message ?? error.message).trim();

/**
 * Whether the engine has a runtime of this name. Errors: none thrown for an engine that does not say; containers will.
 * Shape: what is wrong and what to do about it, null when nothing is.
 */
export const whyNoRuntime = async (
  host: string | undefined,
  name: string | undefined,
): Promise<string | null> => {
  if (name === undefined) return null;
  const docker = new Docker({ ...connection(host), timeout: 20_000 });
  const info = (await docker.info().catch(() => ({}))) as { Runtimes?: Record<string, unknown> };
  if (info.Runtimes === undefined || Object.hasOwn(info.Runtimes, name)) return null;
  const there = Object.keys(info.Runtimes).sort().join(", ");
  return (
    `The Docker engine has no runtime "${name}" (it has: ${there}). ` +
    "Install it and add it to the engine's daemon.json, or change LONGSHORE_CONTAINER_RUNTIME."
  );
};
