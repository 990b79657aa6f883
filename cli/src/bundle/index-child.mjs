// @ts-check
// Runs in a process of its own: imports the bundle that its parent names, and answers the tasks that the import registered.
// Plain JavaScript, so that the user's code is loaded by nothing but Node.
import { pathToFileURL } from "node:url";

/** @typedef {{ settings: Record<string, unknown>, stack: string, exportName?: string }} Registration */

const observerKey = Symbol.for("longshore.catalog.observer.1");
const fields = ["id", "description", "retry", "queue", "machine", "maxDuration", "ttl", "payloadSchema"];

/** @type {Registration[]} */
const registrations = [];

/**
 * Names what would be lost or changed by JSON; undefined when nothing would.
 * @param {unknown} value
 * @param {string} path
 * @returns {string | undefined}
 */
const findUnserialisable = (value, path) => {
  if (value === null || value === undefined || typeof value === "string" || typeof value === "boolean")
    return;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${path} is ${value}`;
  if (typeof value !== "object") return `${path} is a ${typeof value}`;
  for (const [name, inner] of Object.entries(value)) {
    const found = findUnserialisable(inner, `${path}.${name}`);
    if (found) return found;
  }
};

/** @param {Record<string, unknown>} task */
const register = (task) => {
  const settings = Object.fromEntries(
    fields.filter((field) => task[field] !== undefined).map((field) => [field, task[field]]),
  );
  for (const [field, value] of Object.entries(settings)) {
    const found = findUnserialisable(value, field);
    if (found) throw new TypeError(`task "${String(task.id)}": ${found}; it must be plain data`);
  }
  registrations.push({ settings, stack: new Error("registered").stack ?? "" });
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
    answer({ ok: true, registrations });
  } catch (error) {
    fail(error);
  }
});
