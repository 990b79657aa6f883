// @ts-check
// Runs in a process of its own: imports the bundle that its parent names, and answers the tasks, queues and limits that
// the import registered.
// Plain JavaScript, so that the user's code is loaded by nothing but Node.
import { pathToFileURL } from "node:url";

/** @typedef {{ settings: Record<string, unknown>, stack: string, exportName?: string }} Registration */
/** @typedef {Record<string, unknown> & { describePayload?: () => unknown }} Task */

const observerKey = Symbol.for("longshore.catalog.observer.2");
const fields = [
  "id",
  "description",
  "retry",
  "queue",
  "concurrency",
  "schedule",
  "machine",
  "labels",
  "maxDuration",
  "ttl",
  "finaliser",
];

/** @type {Registration[]} */
const registrations = [];
/** @type {Registration[]} */
const limits = [];
/** @type {Registration[]} */
const queues = [];
/** @type {(() => void)[]} */
const descriptions = [];

/**
 * Names what would be lost or changed by JSON; undefined when nothing would.
 * @param {unknown} value
 * @param {string} path
 * @param {unknown[]} [around]
 * @returns {string | undefined}
 */
const findUnserialisable = (value, path, around = []) => {
  if (value === null || value === undefined || typeof value === "string" || typeof value === "boolean")
    return;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${path} is ${value}`;
  if (typeof value !== "object") return `${path} is a ${typeof value}`;
  if (around.includes(value)) return `${path} refers to what it is part of`;
  const isPlain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!isPlain) return `${path} is a ${value.constructor?.name ?? "class instance"}`;
  for (const [name, inner] of Object.entries(value)) {
    const found = findUnserialisable(inner, `${path}.${name}`, [...around, value]);
    if (found) return found;
  }
};

/**
 * The error points to where the task is defined.
 * @param {string} owner
 * @param {string} field
 * @param {unknown} value
 * @param {string} stack
 */
const requirePlain = (owner, field, value, stack) => {
  const found = findUnserialisable(value, field);
  if (found) throw Object.assign(new TypeError(`${owner}: ${found}; it must be plain data`), { stack });
};

/**
 * @param {Task} task
 * @param {string} stack
 */
const registerTask = (task, stack) => {
  const settings = Object.fromEntries(
    fields.filter((field) => task[field] !== undefined).map((field) => [field, task[field]]),
  );
  const owner = `task "${String(task.id)}"`;
  for (const [field, value] of Object.entries(settings)) requirePlain(owner, field, value, stack);
  registrations.push({ settings, stack });
  // After the import: a schema may refer to what is defined below its task.
  descriptions.push(() => {
    const described = task.describePayload?.();
    if (described === undefined) return;
    requirePlain(owner, "jsonSchema", described, stack);
    settings.payloadSchema = described;
  });
};

/** @param {{ kind: string, value: Task }} registration */
const register = ({ kind, value }) => {
  const stack = new Error("registered").stack ?? "";
  if (kind === "task") registerTask(value, stack);
  else if (kind === "limit") limits.push({ settings: { ...value }, stack });
  else if (kind === "queue") queues.push({ settings: { ...value }, stack });
};

/** @param {unknown} files */
const nameExports = (files) => {
  if (!Array.isArray(files)) return;
  for (const [, module] of files) {
    for (const [exportName, value] of Object.entries(module)) {
      if (typeof value !== "object" || value === null || typeof value.trigger !== "function") continue;
      const found = registrations.find(({ settings }) => settings.id === value.id);
      if (found) found.exportName ??= exportName;
    }
  }
};

/** @param {unknown} message */
const answer = (message) => {
  process.send?.(message, () => process.exit(0));
};

/** @param {unknown} error */
const fail = (error) =>
  answer(
    error instanceof Error
      ? { ok: false, name: error.name, message: error.message, stack: error.stack ?? "" }
      : { ok: false, name: "Error", message: String(error), stack: "" },
  );

Error.stackTraceLimit = 50;
Object.assign(globalThis, { [observerKey]: register });
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// Nobody waits for the answer of an orphan.
process.on("disconnect", () => process.exit(1));
process.once("message", async (/** @type {{ entry: string, env: Record<string, string> }} */ order) => {
  Object.assign(process.env, order.env);
  try {
    const bundle = await import(pathToFileURL(order.entry).href);
    nameExports(bundle.files);
    for (const describe of descriptions) describe();
    answer({ ok: true, registrations, limits, queues });
  } catch (error) {
    fail(error);
  }
});
