import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createProject } from "../testing/project.fixture.ts";
import { ended, runCli, startCli, until } from "../testing/run-cli.fixture.ts";

const task = `import { task } from "@longshore/sdk";
export const add = task({ id: "add", run: async (payload: { a: number; b: number }) => {
  const sum = payload.a + payload.b;
  return { sum };
} });
`;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

type Message = {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
};

/** Speaks to a process as an editor's debugger does. */
const attach = async (port: number) => {
  const list = () =>
    fetch(`http://127.0.0.1:${port}/json/list`).then(
      (answer) => answer.json() as Promise<{ webSocketDebuggerUrl: string }[]>,
      () => [],
    );
  const [target] = await until(list, (found) => found.length > 0, 40_000);
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "");
  const heard: Message[] = [];
  socket.on("message", (data) => heard.push(JSON.parse(String(data)) as Message));
  await new Promise((resolve) => socket.once("open", resolve));
  let last = 0;
  const event = async (method: string, isWanted: (params: Record<string, unknown>) => boolean = () => true) =>
    (
      await until(
        () => heard.find((one) => one.method === method && isWanted(one.params ?? {})),
        (one) => one !== undefined,
      )
    )?.params ?? {};
  const call = async (method: string, params: object = {}) => {
    const id = ++last;
    socket.send(JSON.stringify({ id, method, params }));
    return (
      await until(
        () => heard.find((one) => one.id === id),
        (one) => one !== undefined,
      )
    )?.result as Record<string, unknown>;
  };
  return { call, event, heard, close: () => socket.close() };
};

test("a breakpoint in a task's file stops the run there, and its variables can be read", async () => {
  const project = await createProject({ "src/trigger/add.ts": task });
  const port = await freePort();
  const dev = await startCli(["dev", "--port", "0", "--inspect-brk", String(port), "--json"], {
    cwd: project.dir,
  });
  try {
    let said = "";
    dev.stdout?.on("data", (chunk) => {
      said += chunk;
    });
    await until(
      () => said,
      (text) => text.includes('"version"'),
      120_000,
    );
    const args = ["trigger", "add", '{"a":2,"b":3}', "--wait", "--json"];
    const run = startCli(args, { cwd: project.dir }).then(ended);
    const { call, event, heard, close } = await attach(port);
    await call("Debugger.enable");
    // The process waits before its first line; the task's code is loaded after that.
    await call("Runtime.runIfWaitingForDebugger");
    await event("Debugger.paused");
    await call("Debugger.setBreakpointByUrl", { urlRegex: ".*index\\.mjs$", lineNumber: 0 });
    heard.length = 0;
    await call("Debugger.resume");
    const script = await event("Debugger.scriptParsed", ({ url }) => String(url).endsWith("/index.mjs"));
    await event("Debugger.paused");

    const mapFile = fileURLToPath(new URL(String(script.sourceMapURL), String(script.url)));
    const map = JSON.parse(await readFile(mapFile, "utf8")) as { sourceRoot: string; sources: string[] };
    const source = map.sources.find((one) => one.endsWith("add.ts")) ?? "";
    const file = fileURLToPath(new URL(source, map.sourceRoot));
    expect(file).toBe(path.join(project.dir, "src/trigger/add.ts"));
    expect(existsSync(file)).toBe(true);

    const { scriptSource } = await call("Debugger.getScriptSource", { scriptId: script.scriptId });
    const lineNumber = String(scriptSource)
      .split("\n")
      .findIndex((line) => line.includes("return { sum }"));
    await call("Debugger.setBreakpoint", { location: { scriptId: script.scriptId, lineNumber } });
    heard.length = 0;
    await call("Debugger.resume");
    const stopped = await event("Debugger.paused");
    const [frame] = stopped.callFrames as { callFrameId: string }[];
    const evaluate = { callFrameId: frame?.callFrameId, expression: "sum" };
    expect(await call("Debugger.evaluateOnCallFrame", evaluate)).toMatchObject({ result: { value: 5 } });
    await call("Debugger.resume");
    close();
    expect(JSON.parse((await run).stdout)).toMatchObject({ status: "COMPLETED", output: { sum: 5 } });
  } finally {
    dev.kill("SIGINT");
    await new Promise((resolve) => (dev.exitCode === null ? dev.once("exit", resolve) : resolve(null)));
    await project.remove();
  }
}, 200_000);

test("an address that no debugger could have is refused", async () => {
  const project = await createProject({});
  const { code, stderr } = await runCli(["dev", "--inspect", "99999"], { cwd: project.dir });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("it must be a port") });
  await project.remove();
});
