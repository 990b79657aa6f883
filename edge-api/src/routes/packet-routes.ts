import { packetBytesMax } from "@longshore/shared/contract/packets";
import { type Context, Hono } from "hono";
import { requestDownload, requestRunPacket, requestUpload } from "../services/packets.ts";
import { getSignedPacket, putSignedPacket, requireSigned } from "../services/signed-packets.ts";
import { type AppEnv, originOf, withPrincipal } from "./context.ts";
import { limitBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validQuery } from "./validate.ts";

/** A packet's path is one segment, its slashes encoded or not. */
const rest = "{.+}" as const;

/** Payloads and outputs that are stored apart from their runs. */
export const packetRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();
  const upload = async (c: Context<AppEnv>) =>
    c.json(await requestUpload(c.var.deps, c.var.principal, c.req.param("path") ?? "", originOf(c)));

  app.put(`${r.uploadPacket.path}${rest}`, withPrincipal, upload);
  app.put(`${r.uploadPacketV1.path}${rest}`, withPrincipal, upload);
  app.get(`${r.downloadPacket.path}${rest}`, withPrincipal, async (c) =>
    c.json(await requestDownload(c.var.deps, c.var.principal, c.req.param("path") ?? "", originOf(c))),
  );
  app.get(r.runPacket.path, withPrincipal, async (c) => {
    const { runId, kind } = c.req.param();
    return c.json(await requestRunPacket(c.var.deps, c.var.principal, { runId, kind }, originOf(c)));
  });
  app.put(
    r.putStoredPacket.path,
    validQuery(r.putStoredPacket.query),
    async (c, next) => {
      await requireSigned(c.var.deps, "packet-put", { ...c.req.param(), ...c.req.valid("query") });
      await next();
    },
    limitBody(packetBytesMax),
    async (c) => {
      const bytes = new Uint8Array(await c.req.arrayBuffer());
      const type = c.req.header("content-type") ?? null;
      await putSignedPacket(c.var.deps, { ...c.req.param(), ...c.req.valid("query") }, { bytes, type });
      return c.body(null, 200);
    },
  );
  app.get(r.getStoredPacket.path, validQuery(r.getStoredPacket.query), async (c) => {
    const address = { ...c.req.param(), ...c.req.valid("query") };
    await requireSigned(c.var.deps, "packet-get", address);
    const { body, size, contentType } = await getSignedPacket(c.var.deps, address);
    return c.body(body, 200, {
      "content-type": contentType ?? "application/octet-stream",
      "content-length": String(size),
      // Whatever somebody stored, a browser only ever saves it.
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
    });
  });
  return app;
};
