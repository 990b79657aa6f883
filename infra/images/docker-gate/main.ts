import { chmodSync, rmSync } from "node:fs";
import { createGate } from "./gate.ts";
import { type Policy, PolicyError, readPolicy } from "./policy.ts";

// The container `docker-gate` of docker-compose.agent.yml. It is given the same variables as the agent beside it.
const policyOrExit = (): Policy => {
  try {
    return readPolicy(process.env);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
};
const policy = policyOrExit();
const listenAt = process.env.LONGSHORE_GATE_SOCKET || "/run/docker-gate/docker.sock";
const server = createGate({
  engineSocket: process.env.LONGSHORE_ENGINE_SOCKET || "/var/run/docker.sock",
  policy,
  log: (line) => console.error(line),
});
// What a killed gate left behind; whoever may write here is this gate alone.
rmSync(listenAt, { force: true });
server.listen(listenAt, () => {
  // The agent is another user. Only its container mounts the folder.
  chmodSync(listenAt, 0o666);
  console.error(`docker-gate listens at ${listenAt}; mounts only from ${policy.dataDir}`);
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
