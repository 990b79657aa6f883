import { Hono } from "hono";
import { listTimezones } from "../services/list-timezones.ts";
import {
  createSchedule,
  deleteSchedule,
  listSchedulePage,
  readSchedule,
  setScheduleActive,
  updateSchedule,
} from "../services/schedules.ts";
import { type AppEnv, withPrincipal } from "./context.ts";
import { smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody, validQuery } from "./validate.ts";

/** Schedules and the zones they may name. */
export const scheduleRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.post(r.createSchedule.path, withPrincipal, smallBody, ...validBody(r.createSchedule.body), async (c) =>
    c.json(await createSchedule(c.var.deps, c.var.principal, c.req.valid("json"))),
  );
  app.get(r.listSchedules.path, withPrincipal, validQuery(r.listSchedules.query), async (c) =>
    c.json(await listSchedulePage(c.var.deps, c.var.principal, c.req.valid("query"))),
  );
  app.get(r.retrieveSchedule.path, withPrincipal, async (c) =>
    c.json(await readSchedule(c.var.deps, c.var.principal, c.req.param("scheduleId"))),
  );
  app.put(r.updateSchedule.path, withPrincipal, smallBody, ...validBody(r.updateSchedule.body), async (c) =>
    c.json(await updateSchedule(c.var.deps, c.var.principal, c.req.param("scheduleId"), c.req.valid("json"))),
  );
  app.post(r.activateSchedule.path, withPrincipal, async (c) =>
    c.json(await setScheduleActive(c.var.deps, c.var.principal, c.req.param("scheduleId"), true)),
  );
  app.post(r.deactivateSchedule.path, withPrincipal, async (c) =>
    c.json(await setScheduleActive(c.var.deps, c.var.principal, c.req.param("scheduleId"), false)),
  );
  app.delete(r.deleteSchedule.path, withPrincipal, async (c) =>
    c.json(await deleteSchedule(c.var.deps, c.var.principal, c.req.param("scheduleId"))),
  );
  app.get(r.listTimezones.path, validQuery(r.listTimezones.query), (c) =>
    c.json(listTimezones(c.req.valid("query"))),
  );
  return app;
};
