import { request } from "node:http";
import { join } from "node:path";
import { becomeAgentUser } from "./agent-user.ts";

// The container's health check: asks the agent beside it. Exit code 0 while it hears the API.
becomeAgentUser();
const socketPath = join(process.env.LONGSHORE_AGENT_DATA ?? "/var/lib/longshore", "status.sock");
const asked = request({ socketPath, path: "/", timeout: 4_000 }, (answer) => {
  answer.pipe(process.stdout);
  answer.once("end", () => process.exit(answer.statusCode === 200 ? 0 : 1));
});
asked.once("timeout", () => asked.destroy(new Error("the agent does not answer")));
asked.once("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
asked.end();
