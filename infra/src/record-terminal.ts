import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type RunningServer, startServer } from "@longshore/edge-api/platform/node";
import { makeTempFolder } from "./services/temp-folder.ts";

// `pnpm terminal`: writes docs/terminal.md, a first session with the CLI in a real terminal (tmux).
const root = fileURLToPath(new URL("../..", import.meta.url));
const target = join(root, "docs/terminal.md");
const run = promisify(execFile);
const columns = 118;
/** Units: milliseconds. */
const waitMs = 90_000;
const lookMs = 100;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A terminal of its own, with a shell that knows no more than `longshore`. */
const openTerminal = async (dir: string, home: string) => {
  const socket = `longshore-${randomUUID().slice(0, 8)}`;
  const tmux = (...args: string[]) => run("tmux", ["-L", socket, "-f", "/dev/null", ...args]);
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  const shim = join(bin, "longshore");
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${join(root, "cli/bin/longshore.js")}" "$@"\n`);
  chmodSync(shim, 0o755);
  const env = [`PATH=${bin}:${process.env.PATH}`, `HOME=${home}`, `XDG_CONFIG_HOME=${home}/.config`];
  const shell = [
    "env",
    "-i",
    ...env,
    "TERM=xterm-256color",
    "LANG=C.UTF-8",
    "PS1=$ ",
    "bash",
    "--norc",
    "--noprofile",
  ];
  const size = ["-x", String(columns), "-y", "60"];
  await tmux("new-session", "-d", "-s", "one", ...size, "-c", dir, ...shell);
  await tmux("new-session", "-d", "-s", "two", ...size, "-c", dir, ...shell);
  const screen = async (name: string) =>
    (await tmux("capture-pane", "-p", "-J", "-t", name)).stdout.trimEnd();
  return {
    screen,
    type: (name: string, text: string) => tmux("send-keys", "-t", name, text, "Enter"),
    interrupt: (name: string) => tmux("send-keys", "-t", name, "C-c"),
    clear: async (name: string) => {
      await tmux("send-keys", "-t", name, "C-l");
      await sleep(lookMs * 3);
    },
    /** Waits for a text on the screen. Errors: shows what was there instead. */
    until: async (name: string, text: RegExp): Promise<string> => {
      const endMs = performance.now() + waitMs;
      for (;;) {
        const seen = await screen(name);
        if (text.test(seen)) return seen;
        if (performance.now() > endMs) throw new Error(`${text} never came; the screen shows:\n${seen}`);
        await sleep(lookMs);
      }
    },
    close: () => tmux("kill-server").catch(() => undefined),
  };
};

type Terminal = Awaited<ReturnType<typeof openTerminal>>;

/** The prompt is back: the command is over. */
const idle = /\n\$\s*$/;

/** Signs in to the dashboard, and allows the login whose code the terminal shows. */
const allow = async (server: RunningServer, code: string): Promise<void> => {
  const token = new URL(await server.bootstrap.signInUrl()).searchParams.get("token");
  const json = { "content-type": "application/json" };
  const signedIn = await fetch(`${server.url}/api/v1/session/sign-in`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ token }),
  });
  const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const answer = await fetch(`${server.url}/api/v1/session/sign-in-requests/${code}/approve`, {
    method: "POST",
    headers: { cookie },
  });
  if (!answer.ok) throw new Error(`the login was not allowed: ${await answer.text()}`);
};

const record = async (terminal: Terminal, server: RunningServer) => {
  const screens: Record<string, string> = {};
  await terminal.type("one", "longshore init -y");
  screens.init = await terminal.until("one", idle);
  await terminal.clear("one");
  await terminal.type("one", "longshore dev --port 3030");
  await terminal.until("one", /Version \S+ in/);
  await terminal.type("two", `longshore trigger hello-world '{"name":"Ada"}' --wait`);
  screens.trigger = await terminal.until("two", /COMPLETED in[^$]*\n\$\s*$/);
  screens.dev = await terminal.until("one", /hello-world COMPLETED/);
  await terminal.interrupt("one");
  await terminal.clear("two");
  await terminal.type("two", `longshore login --api-url ${server.url}`);
  const asked = await terminal.until("two", /Code\s+\S+/);
  await allow(server, /Code\s+(\S+)/.exec(asked)?.[1] ?? "");
  screens.login = await terminal.until("two", /Signed in[^$]*\n\$\s*$/);
  await terminal.clear("two");
  await terminal.type("two", "longshore deploy --env prod");
  await terminal.until("two", /is current/);
  await terminal.type("two", "longshore deployments list");
  screens.deploy = await terminal.until("two", /VERSION[^$]*\n\$\s*$/);
  return screens;
};

/** What is of this machine and run alone, and what is secret. */
const mask = (text: string, home: string, serverUrl: string): string =>
  text
    .replaceAll(serverUrl, "https://longshore.example.com")
    .replaceAll(home, "~")
    .replaceAll(root.replace(/\/$/, ""), "~/longshore")
    .replace(/lsi_\w+/g, "lsi_…")
    .replace(/tr_\w+?_(?:sk_)?\w{20,}/g, "tr_…")
    .replace(/\n\$\s*$/, "")
    .replace(/[ \t]+$/gm, "");

const pageOf = (screens: Record<string, string>): string => {
  const block = (name: string) => `\`\`\`console\n${screens[name]}\n\`\`\`\n`;
  return `# A first session

Screens of a real terminal, written by \`npx pnpm terminal\`. Addresses and secrets are masked. [cli.md](cli.md) has every command.

## A project

${block("init")}
## Develop

\`longshore dev\` brings an API, a dashboard and an agent up on this machine, and rebuilds on every change. In one terminal:

${block("dev")}
In another:

${block("trigger")}
## Ship

The code is compared and allowed in the dashboard; then a login needs no key.

${block("login")}
${block("deploy")}`;
};

const main = async (): Promise<void> => {
  const folder = makeTempFolder("terminal");
  const dir = join(folder.path, "my-project");
  mkdirSync(dir);
  writeFileSync(join(dir, "package.json"), '{ "name": "my-project", "type": "module" }\n');
  writeFileSync(join(dir, "tsconfig.json"), '{ "compilerOptions": { "strict": true } }\n');
  mkdirSync(join(dir, "src"));
  const options = { port: 0, dataDir: join(folder.path, "server"), log: () => {} };
  const server = await startServer({}, options);
  const terminal = await openTerminal(dir, folder.path);
  try {
    const screens = await record(terminal, server);
    const masked = Object.entries(screens).map(([name, text]) => [name, mask(text, folder.path, server.url)]);
    writeFileSync(target, pageOf(Object.fromEntries(masked)));
    console.log(`wrote ${target}`);
  } finally {
    await terminal.close();
    await server.close();
    folder.remove();
  }
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
