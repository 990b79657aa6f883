import "./keep-code-cache.ts"; // before all that loads any of Node
import { AsyncLocalStorage } from "node:async_hooks";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type AttemptOutcome, findTask, type RegisteredTask, someTask } from "@longshore/sdk/catalog";
import { installHost, type TaskHost } from "@longshore/sdk/host";
import { internalError } from "@longshore/sdk/lifecycle/task-error";
import type { RunnerJob } from "@longshore/shared/contract/runner-protocol";
import { boundWorkers } from "./bound-workers.ts";
import { captureConsole } from "./console-capture.ts";
import { createExecutorHost } from "./executor-host.ts";
import { firstModule } from "./first-module.ts";
import { fitOutcome } from "./fit-outcome.ts";
import type { AbortCode, ToExecutor } from "./ipc.ts";
import { mapStacks } from "./map-stacks.ts";
import { openChannel } from "./runner-channel.ts";

/**
 * The process that runs task runs: forked by the runner before there is a job, so that Node is up when one comes, or
 * before the next one, so that the code is loaded too. It serves one run, or with keep-alive several, one at a time.
 *
 * I1  Exactly one `done` is sent for a run, after everything the task wrote.
 * I2  Nothing of the user's is loaded before the runner says which code.
 * I3  Nothing of a run reaches the next one in a kept process: environment, folder, host and signal are its own, and what
 *     its left-over callbacks say is dropped.
 */
const send = openChannel((message) => receive(message));

const failed = (error: ReturnType<typeof internalError>): AttemptOutcome => ({
  kind: "failed",
  error,
  retry: { skip: true },
});

/** Tells a left-over callback of an earlier run from the run that is on now. Only kept processes pay for it. */
const scopes = new AsyncLocalStorage<Scope>();

type Spot = { bundleDir: string; entry: string };

/** The folder that runs start in. */
let home = process.cwd();
/** The environment as the code left it. */
let loadedEnv: NodeJS.ProcessEnv = {};
/** Why the code could not be loaded; null when it was. */
let code: Promise<AttemptOutcome | null> | null = null;
const loadCode = ({ bundleDir, entry }: Spot): Promise<AttemptOutcome | null> => {
  // Out of any run's scope: what the code does by itself belongs to whichever run is on.
  code ??= scopes.exit(async () => {
    let failure: AttemptOutcome | null = null;
    try {
      // Files that were deployed are named by their paths in the project.
      process.chdir(bundleDir);
      home = process.cwd();
      mapStacks(home);
      boundWorkers();
      await import(pathToFileURL(join(bundleDir, entry)).href);
    } catch (error) {
      failure = failed(internalError("COULD_NOT_IMPORT_TASK", error, "The tasks could not be loaded: "));
    }
    loadedEnv = { ...process.env };
    return failure;
  });
  return code;
};

/** Node's loader of modules takes as long to get ready as most code takes to load. */
const getLoaderUp = async (): Promise<void> => {
  await import(pathToFileURL(join(dirname(process.argv[1] as string), firstModule)).href);
  performance.now(); // Node loads it when it is first touched
};

/** What the SDK loads when a run first needs it, it loads while none waits for it. */
const warmUp = (): Promise<unknown> =>
  someTask()
    ?.warmUp?.()
    .catch(() => undefined) ?? Promise.resolve();

/** Under this name an SDK of before kept its tasks; it cannot execute them itself. */
const formerCatalog = Symbol.for("longshore.catalog.1");
const notFound = (task: string): string =>
  formerCatalog in globalThis
    ? "This version was built with an older @longshore/sdk than its agent supports: deploy it again."
    : `This version has no task with the id "${task}".`;

const pickTask = async (job: RunnerJob): Promise<RegisteredTask | AttemptOutcome> => {
  const failure = await loadCode(job);
  if (failure) return failure;
  const task = findTask(job.task);
  if (task) return task;
  return failed(internalError("COULD_NOT_FIND_TASK", notFound(job.task)));
};

/** What the tasks of a bundle mean, its own SDK knows: here they are only found and told to execute. */
const execute = async (job: RunnerJob, signal: AbortSignal): Promise<AttemptOutcome> => {
  const task = await pickTask(job);
  if ("kind" in task) return task;
  const payload = { data: job.payload, type: job.payloadType };
  try {
    return await task.execute({ payload, context: job.context, signal });
  } catch (error) {
    return failed(internalError("TASK_EXECUTION_FAILED", error));
  }
};

/** A run in this process. */
type Scope = {
  mark: string;
  isOver: boolean;
  host: TaskHost;
  abort(code: AbortCode, reason: string): void;
  receive(message: Extract<ToExecutor, { t: "continue" | "response" }>): void;
  uncaught(error: unknown): void;
};

let isKept = false;
let current: Scope | null = null;
/** Set while the code is loaded ahead of its run. */
let aheadMark: string | null = null;

const scopeNow = (): Scope | null => (isKept ? scopes.getStore() : null) ?? current;
const captured = captureConsole(() => {
  const scope = scopeNow();
  if (scope) return scope.isOver && isKept ? null : scope.mark;
  return aheadMark;
});

const uncaught = (error: unknown): void => scopeNow()?.uncaught(error);
const startCatching = (): void => {
  if (process.listeners("uncaughtException").includes(uncaught)) return;
  process.on("uncaughtException", uncaught);
  process.on("unhandledRejection", uncaught);
};

/** I3: what a run left behind speaks to its own host, which refuses it, and not to that of the run that is on now. */
const ownHost = (): TaskHost => (scopeNow() ?? (current as Scope)).host;
const hostOfCaller: TaskHost = {
  get context() {
    return ownHost().context;
  },
  get signal() {
    return ownHost().signal;
  },
  get waitInProcessMs() {
    return ownHost().waitInProcessMs;
  },
  log: captured.log,
  request: (path, init) => ownHost().request(path, init),
  wait: (specs) => ownHost().wait(specs),
};

/** I3: the environment and the folder as they were once the code was loaded. */
const putBack = (env: NodeJS.ProcessEnv): void => {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  for (const [name, value] of Object.entries(env)) if (process.env[name] !== value) process.env[name] = value;
  if (process.cwd() !== home) process.chdir(home);
};

const begin = (job: RunnerJob, mark: string): { scope: Scope; go: () => Promise<void> } => {
  const abort = new AbortController();
  const wiring = createExecutorHost(
    Object.freeze(job.context),
    abort.signal,
    send,
    captured.log,
    () => scope.isOver,
  );
  const finish = (outcome: AttemptOutcome, isReusable: boolean): void => {
    if (scope.isOver) return; // I1
    const isMarked = captured.end(mark);
    scope.isOver = true;
    send({
      t: "done",
      outcome: fitOutcome(outcome),
      isReusable: isReusable && !wiring.isWaiting(),
      isMarked,
    });
  };
  const scope: Scope = {
    mark,
    isOver: false,
    host: wiring.host,
    abort(code, text) {
      const reason = Object.assign(new Error(text), { name: "AbortError", code });
      abort.abort(reason);
    },
    receive: wiring.receive,
    uncaught(error) {
      if (scope.isOver) return;
      // Once it is aborted, whatever breaks off inside the task is a consequence and no news.
      if (!abort.signal.aborted) console.error(error);
      finish({ kind: "failed", error: internalError("TASK_UNCAUGHT_EXCEPTION", error) }, false);
    },
  };
  const go = async (): Promise<void> => {
    startCatching();
    installHost(isKept ? hostOfCaller : wiring.host);
    send({ t: "started" });
    const outcome = await execute(job, abort.signal);
    finish(outcome, !abort.signal.aborted);
  };
  return { scope, go };
};

const run = async ({ job, mark }: Extract<ToExecutor, { t: "run" }>): Promise<void> => {
  // Nothing is awaited until the run is the current one: a cancel may be the next message.
  if (current) {
    putBack(loadedEnv);
    captured.begin(mark);
  } else if (code === null) Object.assign(process.env, job.env); // I2
  const { scope, go } = begin(job, mark);
  current = scope;
  aheadMark = null;
  if (job.keepAlive && !isKept) {
    isKept = true;
    captured.muteStreams();
  }
  await (isKept ? scopes.run(scope, go) : go());
};

const receive = (message: ToExecutor): void => {
  switch (message.t) {
    case "idle":
      void getLoaderUp().then(
        () => send({ t: "up" }),
        () => {}, // the code of a run then meets the same, and says it
      );
      return;
    case "prepare":
      aheadMark = message.mark;
      void loadCode(message)
        .then(warmUp)
        .then(() => send({ t: "prepared" }));
      return;
    case "run":
      void run(message);
      return;
    case "abort":
      current?.abort(message.code, message.reason);
      return;
    default:
      current?.receive(message);
  }
};
