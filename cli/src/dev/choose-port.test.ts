import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { choosePort } from "./choose-port.ts";

test("a port that something listens on is left to it", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  expect(await choosePort(port)).toBe(0);
  other.close();
  await once(other, "close");
  expect(await choosePort(port)).toBe(port);
});
