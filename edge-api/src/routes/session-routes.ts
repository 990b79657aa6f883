import { type Context, Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import { createEnvironmentToken, getSession, sessionTtlMs, signIn, signOut } from "../services/sessions.ts";
import type { AppEnv } from "./context.ts";
import { smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody } from "./validate.ts";

const cookieName = "longshore_session";

/** The session cookie of a request. */
export const sessionOf = (c: Context<AppEnv>): string | undefined => getCookie(c, cookieName);

/** Asks who is signed in before the body is read. */
export const withSession = createMiddleware<AppEnv>(async (c, next) => {
  await getSession(c.var.deps, sessionOf(c));
  await next();
});

/** Whether the browser came by TLS, also when a proxy in front ends it. */
const isSecure = (c: Context<AppEnv>): boolean =>
  new URL(c.req.url).protocol === "https:" || c.req.header("x-forwarded-proto") === "https";

/** Signing in and out, and the tokens that pages work with. The cookie opens nothing else. */
export const sessionRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.post(r.signIn.path, smallBody, ...validBody(r.signIn.body), async (c) => {
    const { session, sessionToken } = await signIn(c.var.deps, c.req.valid("json").token);
    setCookie(c, cookieName, sessionToken, {
      httpOnly: true,
      sameSite: "Lax",
      secure: isSecure(c),
      path: "/api/v1/session",
      maxAge: sessionTtlMs / 1_000,
    });
    return c.json(session);
  });
  app.get(r.getSession.path, async (c) => c.json(await getSession(c.var.deps, sessionOf(c))));
  app.delete(r.signOut.path, async (c) => {
    await signOut(c.var.deps, sessionOf(c));
    deleteCookie(c, cookieName, { path: "/api/v1/session" });
    return c.body(null, 204);
  });
  app.post(r.environmentToken.path, async (c) =>
    c.json(await createEnvironmentToken(c.var.deps, sessionOf(c), c.req.param("environmentId"))),
  );
  return app;
};
