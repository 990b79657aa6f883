import { ensureDocker } from "./services/ensure-docker.ts";
import { ensurePostgres } from "./services/ensure-postgres.ts";
import { ensureRedis } from "./services/ensure-redis.ts";
import { isRunning, type Service } from "./services/service.ts";

// Brings up Postgres, Redis and Docker for development, prints what to export, and stays until Ctrl-C.
// The services end with this process: each registered itself with at-end.ts.
const print = (line: string) => process.stdout.write(`${line}\n`);

async function show(variable: string, starting: Promise<Service>): Promise<void> {
  const service = await starting;
  print(
    isRunning(service)
      ? `export ${variable}='${service.url}' # ${service.how}`
      : `# ${variable}: ${service.missing}`,
  );
}

await Promise.all([
  show("DATABASE_URL", ensurePostgres()),
  show("REDIS_URL", ensureRedis()),
  show("DOCKER_HOST", ensureDocker()),
]);
print("# Ctrl-C stops them.");
setInterval(() => undefined, 60_000);
