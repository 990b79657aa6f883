const brandOf = (name: string): symbol => Symbol.for(`longshore.error.${name}.1`);

/**
 * By brand or name and not by class: the code that throws and the code that asks may each carry a copy of the SDK, so
 * that `instanceof` would miss.
 */
const isBranded = (thrown: unknown, name: string): boolean =>
  typeof thrown === "object" &&
  thrown !== null &&
  ((thrown as { name?: unknown }).name === name ||
    (thrown as Record<symbol, unknown>)[brandOf(name)] === true);

const brand = (error: Error, name: string): void => {
  error.name = name;
  Object.defineProperty(error, brandOf(name), { value: true });
};

/** Thrown by a task to fail its run without another attempt. */
export class AbortTaskRunError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    brand(this, "AbortTaskRunError");
  }
}

/** Whether this was thrown to fail the run without another attempt. */
export const isAbortTaskRunError = (thrown: unknown): thrown is AbortTaskRunError =>
  isBranded(thrown, "AbortTaskRunError");

/**
 * Thrown by a task that ran out of memory and noticed (a child process was killed, say). The run goes on as if its own
 * process had been: another attempt on `retry.outOfMemory.machine` if that is another machine, else the run crashes.
 */
export class OutOfMemoryError extends Error {
  constructor(
    message = "The task has too little memory: set retry.outOfMemory.machine, or use a larger machine.",
  ) {
    super(message);
    brand(this, "OutOfMemoryError");
  }
}

export const isOutOfMemoryError = (thrown: unknown): thrown is OutOfMemoryError =>
  isBranded(thrown, "OutOfMemoryError");

/** Thrown anywhere below `run` to end it at once as a success with this output. */
export class CompleteTaskWithOutput extends Error {
  constructor(readonly output?: unknown) {
    super("The task completes with an output. (Whoever catches this must throw it on.)");
    brand(this, "CompleteTaskWithOutput");
  }
}

export const isCompleteTaskWithOutput = (thrown: unknown): thrown is CompleteTaskWithOutput =>
  isBranded(thrown, "CompleteTaskWithOutput");

/** A payload is not what the schema of its task allows. Thrown by a trigger before anything is sent. */
export class TaskPayloadParsedError extends Error {
  constructor(taskId: string, reason: string, options?: { cause?: unknown }) {
    super(`The payload does not match the schema of task "${taskId}": ${reason}`, options);
    brand(this, "TaskPayloadParsedError");
  }
}

export const isTaskPayloadParsedError = (thrown: unknown): thrown is TaskPayloadParsedError =>
  isBranded(thrown, "TaskPayloadParsedError");

/** A wait token was not completed in time. */
export class WaitpointTimeoutError extends Error {
  constructor(message = "The wait token was not completed before its timeout.") {
    super(message);
    brand(this, "WaitpointTimeoutError");
  }
}

export const isWaitpointTimeoutError = (thrown: unknown): thrown is WaitpointTimeoutError =>
  isBranded(thrown, "WaitpointTimeoutError");

/** The task opened a second wait beside one that is still open. */
export class ConcurrentWaitError extends Error {
  readonly code = "TASK_DID_CONCURRENT_WAIT";
  constructor() {
    super(
      "The run waits already. Waits cannot run beside each other: use batchTriggerAndWait instead of Promise.all.",
    );
    brand(this, "ConcurrentWaitError");
  }
}

export const isConcurrentWaitError = (thrown: unknown): thrown is ConcurrentWaitError =>
  isBranded(thrown, "ConcurrentWaitError");
