import type { ParsePayload } from "./parse-payload.ts";

/** Any task, whatever its payload and output. */
export type AnyTask = {
  readonly id: string;
  readonly "~types"?: { id: string; input: unknown; output: unknown };
  /** What checks a payload before it is sent; not for callers. */
  readonly "~parsePayload"?: ParsePayload;
};

type Types<TTask extends AnyTask> = NonNullable<TTask["~types"]>;
/** The id of a task, as a type. */
export type TaskIdentifier<TTask extends AnyTask> = Types<TTask>["id"];
/** What a task receives. */
export type TaskPayload<TTask extends AnyTask> = Types<TTask>["input"];
/** What a task returns. */
export type TaskOutput<TTask extends AnyTask> = Types<TTask>["output"];
