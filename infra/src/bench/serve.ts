import { startServer } from "@longshore/edge-api/platform/node";
import pg from "pg";

// The API under measurement, in a process of its own: `DATABASE_URL` names an empty database. It counts the statements
// that it sends, and tells them to whoever asks.
let statements = 0;
const query = pg.Client.prototype.query;
pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
  statements++;
  return Reflect.apply(query, this, args);
} as typeof query;

const sweepMs = Number(process.env.BENCH_SWEEP_MS);
// One key asks for everything here: what is measured must not be the limit of a key.
const unlimited = { LONGSHORE_RATE_LIMIT: "0", LONGSHORE_PUBLIC_RATE_LIMIT: "0" };
const server = await startServer(
  { ...unlimited, ...process.env },
  {
    port: 0,
    log: () => undefined,
    ...(sweepMs > 0 ? { sweepMs } : {}),
  },
);
const { apiKey, environmentId } = server.bootstrap;
process.send?.({ url: server.url, apiKey, environmentId });
process.on("message", () => process.send?.({ statements }));
process.once("SIGTERM", () => {
  server.close().finally(() => process.exit(0));
});
