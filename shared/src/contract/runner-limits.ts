// Apart from the schemas, so that the runner can have them without loading zod: it starts on every run's path.

/** Version of the frames between an agent and the runner in its container. One JSON object a line, both ways. */
export const runnerProtocolVersion = 1;

/** Longest frame that either side reads: the largest packet (10 MiB), each character of it escaped. Units: characters. */
export const frameBytesMax = 64 * 1024 * 1024;
