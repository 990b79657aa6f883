import { startServer } from "@longshore/edge-api/platform/node";

// The API under measurement, in a process of its own: `DATABASE_URL` names an empty database.
const sweepMs = Number(process.env.BENCH_SWEEP_MS);
const server = await startServer(process.env, {
  port: 0,
  log: () => undefined,
  ...(sweepMs > 0 ? { sweepMs } : {}),
});
const { apiKey, environmentId } = server.bootstrap;
process.send?.({ url: server.url, apiKey, environmentId });
process.once("SIGTERM", () => {
  server.close().finally(() => process.exit(0));
});
