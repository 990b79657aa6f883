// Apart from the schemas, so that the runner can have it without loading zod: it starts on every run's path.

/** Largest packet that is stored. Units: bytes. */
export const packetBytesMax = 10 * 1024 * 1024;
