import { startFakeApi } from "./fake-api.ts";

// `tsx edge-api/dashboard/src/testing/fake-main.ts`: the API that `vite dev` proxies to, without a real server.
const fake = await startFakeApi({ port: 3030 });
process.stdout.write(`fake API on ${fake.url}; sign in: http://127.0.0.1:5173${new URL(fake.signInUrl()).pathname}`);
process.stdout.write(`${new URL(fake.signInUrl()).search}\n`);
