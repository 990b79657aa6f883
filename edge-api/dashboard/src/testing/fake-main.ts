import { startFakeApi } from "./fake-api.ts";

// `tsx edge-api/dashboard/src/testing/fake-main.ts`: the API that `vite dev` proxies to, without a real server.
const fake = await startFakeApi({ port: 3030 });
const { pathname, search } = new URL(fake.signInUrl());
process.stdout.write(`fake API on ${fake.url}; sign in at http://127.0.0.1:5173${pathname}${search}\n`);
