import type Docker from "dockerode";

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
