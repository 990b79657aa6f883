import { startFakeApi } from "./fake-api.ts";

// `pnpm fake`: the API that `pnpm dev` proxies to, without a real server.
const fake = await startFakeApi({ port: 3030 });
const { pathname, search } = new URL(fake.signInUrl());
process.stdout.write(`fake API on ${fake.url}; sign in at http://127.0.0.1:5173${pathname}${search}\n`);
