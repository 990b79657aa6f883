import { Hono } from "hono";
import type { AppEnv } from "./context.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import { referencePage, referencePolicy } from "./reference/reference-page.ts";
import { routeSpecs as r } from "./specs.ts";

/** What the API says of itself. Each text is made at its first use. */
export const referenceRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();
  let document: OpenApiDocument | null = null;
  let page: string | null = null;
  const read = (): OpenApiDocument => {
    document ??= openApiDocument();
    return document;
  };

  app.get(r.openapi.path, (c) => c.json(read()));
  app.get(r.reference.path, async (c) => {
    page ??= referencePage(read());
    c.header("content-security-policy", await referencePolicy());
    c.header("x-content-type-options", "nosniff");
    c.header("referrer-policy", "no-referrer");
    return c.html(page);
  });
  return app;
};
