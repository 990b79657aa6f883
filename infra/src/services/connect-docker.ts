import Docker from "dockerode";

/**
 * Whether a Docker engine answers at `dockerHost` (the default socket when undefined) within two seconds.
 *
 * Errors: none thrown; the reason in one line, undefined when it answers.
 */
export async function whyDockerIsSilent(dockerHost: string | undefined): Promise<string | undefined> {
  try {
    const docker = connectDocker(dockerHost, 2_000);
    await docker.ping();
    return undefined;
  } catch (error) {
    return `no Docker engine at ${dockerHost ?? DEFAULT_DOCKER_HOST} (${errorCode(error)})`;
  }
}

/** Where Docker listens when nothing says otherwise. */
export const DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock";

/**
 * A client for `unix://`, `tcp://` or `http://` engine addresses. Units: `timeoutMs` per request, none when undefined.
 */
export function connectDocker(dockerHost: string = DEFAULT_DOCKER_HOST, timeoutMs?: number): Docker {
  if (dockerHost.startsWith("unix://"))
    return new Docker({ socketPath: dockerHost.slice("unix://".length), timeout: timeoutMs });
  const url = new URL(dockerHost.replace(/^tcp:/, "http:"));
  return new Docker({
    protocol: url.protocol === "https:" ? "https" : "http",
    host: url.hostname,
    port: Number(url.port || 2375),
    timeout: timeoutMs,
  });
}

function errorCode(error: unknown): string {
  if (error && typeof error === "object" && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}
