import { Socket } from "node:net";
import { encodeLine, lineSplitter } from "@longshore/shared/core/json-lines";
import { channelFd, type FromExecutor, type ToExecutor } from "./ipc.ts";

/**
 * The executor's end of the channel to its runner.
 *
 * Shape: what sends a message; it is on its way when the call returns, unless the runner is behind. `onMessage` gets each
 * message by itself, in order. The process ends with the channel: without its runner nobody hears it, and an orphan must
 * not go on working.
 */
export const openChannel = (onMessage: (message: ToExecutor) => void): ((message: FromExecutor) => void) => {
  const socket = new Socket({ fd: channelFd, readable: true, writable: true });
  const splitter = lineSplitter(Number.POSITIVE_INFINITY); // the runner is trusted
  socket.setEncoding("utf8").on("data", (piece: string) => {
    for (const line of splitter.push(piece)) onMessage(JSON.parse(line) as ToExecutor);
  });
  socket.on("error", () => {}); // the end follows
  socket.once("close", () => process.exit(1));
  return (message) => void socket.write(encodeLine(message));
};
