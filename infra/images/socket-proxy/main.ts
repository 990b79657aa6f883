import { posix } from "node:path";
import { createSocketProxy } from "./proxy.ts";

// The container `socket-proxy` of docker-compose.agent.yml. It is given the same variables as the agent beside it.
const port = 2375;
const dataDir = process.env.LONGSHORE_AGENT_DATA ?? "";
if (!dataDir.startsWith("/") || posix.normalize(dataDir) !== dataDir || dataDir.length < 2) {
  console.error(
    "LONGSHORE_AGENT_DATA should be the agent's data folder on this host, such as /var/lib/longshore",
  );
  process.exit(1);
}
const network = process.env.LONGSHORE_NETWORK || "bridge";
if (network === "host" || network.startsWith("container:")) {
  console.error(
    "LONGSHORE_NETWORK should be a Docker network of its own: runs never share the host's or another's",
  );
  process.exit(1);
}
const server = createSocketProxy({
  engineSocket: process.env.LONGSHORE_ENGINE_SOCKET || "/var/run/docker.sock",
  policy: { dataDir, networks: ["none", network] },
  log: (line) => console.error(line),
});
server.listen(port, () => console.error(`socket-proxy listens on ${port}; mounts only from ${dataDir}`));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
