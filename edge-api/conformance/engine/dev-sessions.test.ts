import { findWorkspace } from "@longshore/edge-api/db/transitions/create-workspace";
import { openDevSession } from "@longshore/edge-api/db/transitions/open-dev-session";
import { sweep } from "@longshore/edge-api/services/sweep";
import { newId } from "@longshore/shared/core/ids";
import { expect, test } from "vitest";
import { describeAgents } from "./describe-agents.ts";
import { seed } from "./fixture.ts";

describeAgents("sessions of development", (t, { startProcess }) => {
  test("a session that nobody opened or served for two weeks is put away, one that is in use stays", async () => {
    const { environmentId } = await seed(t, { tasks: [{ id: "a" }], agents: 1 });
    await t.query("update environments set slug = 'dev', type = 'development' where id = $1", [
      environmentId,
    ]);
    const [owner] = await t.query(
      "select p.ref, m.user_id from environments e join projects p on p.id = e.project_id join members m on m.organization_id = p.organization_id where e.id = $1",
      [environmentId],
    );
    const open = (name: string) =>
      openDevSession(
        t.db,
        { ref: String(owner?.ref), userId: String(owner?.user_id), name },
        { environment: newId("environment"), pool: newId("pool") },
      );
    const left = async () =>
      (
        await t.query(
          "select branch_name from environments where parent_environment_id = $1 and archived_at is null order by 1",
          [environmentId],
        )
      ).map((row) => row.branch_name);
    for (const name of ["left", "opened", "served"]) await open(name);
    const served = await t.query("select pool_id from environments where branch_name = 'served'");
    const agent = newId("agent");
    await t.query("insert into agents (id, pool_id, name, public_key) values ($1, $2, 'dev', 'k')", [
      agent,
      served[0]?.pool_id,
    ]);
    const dayMs = 86_400_000;
    await t.advance(13 * dayMs);
    await sweep(startProcess());
    expect(await left()).toEqual(["left", "opened", "served"]);
    await open("opened");
    await t.query("update agents set beat_at = app_now() where id = $1", [agent]);
    await t.advance(2 * dayMs);
    await sweep(startProcess());
    expect(await left()).toEqual(["opened", "served"]);
    await open("left");
    await sweep(startProcess());
    expect(await left()).toEqual(["left", "opened", "served"]);
  });

  test("a server starts again although sessions of its project have pools of their own", async () => {
    await seed(t, { tasks: [{ id: "a" }], agents: 0 });
    const [first] = await t.query(
      "select p.ref, m.user_id, e.id from projects p join environments e on e.project_id = p.id join members m on m.organization_id = p.organization_id order by p.id, e.id limit 1",
    );
    await t.query("update environments set slug = 'dev', type = 'development' where id = $1", [first?.id]);
    const place = { ref: String(first?.ref), userId: String(first?.user_id), name: "open" };
    await openDevSession(t.db, place, { environment: newId("environment"), pool: newId("pool") });
    expect(await findWorkspace(t.db)).toMatchObject({
      projectRef: first?.ref,
      environments: [{ id: first?.id, slug: "dev" }],
    });
  });
});
