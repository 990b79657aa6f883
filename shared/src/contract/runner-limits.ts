// Apart from the schemas, so that the runner can have them without loading zod: it starts on every run's path.

/** Version of the frames between an agent and the runner in its container. One JSON object a line, both ways. */
export const runnerProtocolVersion = 1;

/** Longest frame that either side reads. Units: bytes. */
export const frameBytesMax = 16 * 1024 * 1024;
