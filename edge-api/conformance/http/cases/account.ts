import {
  ArchivedDevSession,
  CreatedProject,
  DevSession,
  EnvironmentPlace,
  PlaceToken,
  ProjectList,
  Whoami,
} from "@longshore/shared/contract/account";
import { CollectedSignIn, SignInRequest, StartedSignIn } from "@longshore/shared/contract/sign-in-requests";
import { TriggerResponse } from "@longshore/shared/contract/trigger";
import { beforeAll, describe, expect, test } from "vitest";
import { call, deploy, expectError, FakeAgent, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { createPersonal, signIn } from "../wrong-credentials.ts";

/** Signing a program in through a browser, and what its token opens. */
export const accountCases = (platform: () => Platform) =>
  describe("programs that people sign in", () => {
    let cookie: string;
    let ref: string;
    beforeAll(async () => {
      const signedIn = await signIn(platform());
      cookie = signedIn.cookie;
      ref = signedIn.session.environments[0]?.projectRef ?? "";
    });
    const asked = { machine: "workbench", client: "longshore 1.2.3" };
    const start = async (): Promise<StartedSignIn> => {
      const answer = await call(platform(), "POST", "/api/v1/sign-in-requests", { json: asked });
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return StartedSignIn.parse(answer.json);
    };
    const collect = (deviceCode: string) =>
      call(platform(), "POST", "/api/v1/sign-in-requests/token", { json: { deviceCode } });
    const collected = async (deviceCode: string) => CollectedSignIn.parse((await collect(deviceCode)).json);
    const decide = (verb: "approve" | "refuse", code: string, by = cookie) =>
      call(platform(), "POST", `/api/v1/session/sign-in-requests/${code}/${verb}`, {
        headers: { cookie: by },
      });
    const look = (code: string, by = cookie) =>
      call(platform(), "GET", `/api/v1/session/sign-in-requests/${code}`, { headers: { cookie: by } });
    const approved = async () => {
      const { deviceCode, userCode } = await start();
      expect((await decide("approve", userCode)).status).toBe(200);
      const answer = await collected(deviceCode);
      if (answer.status !== "approved") throw new Error(`the request is ${answer.status}`);
      return answer;
    };
    const whoami = (token: string) => call(platform(), "GET", "/api/v2/whoami", { token });

    test("a request is shown, allowed and collected once, and its token is a person's", async () => {
      const { deviceCode, userCode, approvalUrl, expiresAt } = await start();
      expect(userCode).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
      expect(new URL(approvalUrl).searchParams.get("code")).toBe(userCode);
      const lifeS = (Date.parse(expiresAt) - Date.now()) / 1_000;
      expect(Math.abs(lifeS - 600)).toBeLessThan(30);
      expect(await collected(deviceCode)).toEqual({ status: "pending" });
      const shown = SignInRequest.parse((await look(userCode)).json);
      expect(shown).toMatchObject({ ...asked, userCode, status: "pending", tokenLifeDays: 90 });
      expect((await decide("approve", userCode.toLowerCase().replace("-", ""))).status).toBe(200);
      const first = await collected(deviceCode);
      expect(first).toMatchObject({ status: "approved", token: expect.stringMatching(/^tr_pat_\w{40}$/) });
      if (first.status !== "approved") return;
      expectError(await collect(deviceCode), 404, "not_found");
      expect(Whoami.parse((await whoami(first.token)).json)).toMatchObject({
        userId: first.user.id,
        token: { id: first.tokenId, name: "longshore 1.2.3 on workbench", expiresAt: first.expiresAt },
      });
    });

    test("of two that collect at once, one gets the token", async () => {
      const { deviceCode, userCode } = await start();
      await decide("approve", userCode);
      const answers = await Promise.all(Array.from({ length: 5 }, () => collect(deviceCode)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404]);
    });

    test("a refused request stays refused, and hands nothing out", async () => {
      const { deviceCode, userCode } = await start();
      expect((await decide("refuse", userCode)).json).toMatchObject({ status: "refused" });
      expect((await decide("refuse", userCode)).status).toBe(200);
      expectError(await decide("approve", userCode), 422, "unprocessable");
      expect(await collected(deviceCode)).toEqual({ status: "refused" });
    });

    test.each([
      {},
      { machine: "" },
      { machine: "a\u001b[2Jb" },
      { machine: "a\u202eb" },
      { client: "x".repeat(101) },
    ])("400 for a program that calls itself %j", async (over) => {
      const json = "machine" in over || "client" in over ? { ...asked, ...over } : {};
      expectError(await call(platform(), "POST", "/api/v1/sign-in-requests", { json }), 400, "bad_request");
    });

    test("a token ends itself at once", async () => {
      const { token } = await approved();
      expect((await whoami(token)).status).toBe(200);
      expect((await call(platform(), "DELETE", "/api/v2/whoami", { token })).status).toBe(204);
      expectError(await whoami(token), 401, "unauthorized");
    });

    test("a person's token lists projects and buys a token of each environment", async () => {
      const { token } = await createPersonal(platform(), cookie);
      const projects = ProjectList.parse((await call(platform(), "GET", "/api/v1/projects", { token })).json);
      const project = projects.find(({ externalRef }) => externalRef === ref);
      expect(project?.environments.map(({ slug }) => slug)).toEqual(
        expect.arrayContaining(["dev", "prod", "stg"]),
      );
      const buy = (place: string, headers = {}) =>
        call(platform(), "POST", `/api/v1/projects/${place}/token`, { token, headers });
      const bought = PlaceToken.parse((await buy(`${ref}/environments/dev`)).json);
      expect(bought.environment).toMatchObject({ id: platform().environmentId, project: { ref } });
      const id = await trigger(platform(), "hello", {}, {}, bought.token);
      const stg = PlaceToken.parse((await buy(`${ref}/environments/stg`)).json);
      expectError(await call(platform(), "GET", `/api/v3/runs/${id}`, { token: stg.token }), 404);
      expectError(await buy(`${ref}/environments/none`), 404, "not_found");
      expectError(await buy("proj_none/environments/dev"), 404, "not_found");
    });

    test("a person makes a project once by its name, and its environments work", async () => {
      const { token } = await createPersonal(platform(), cookie);
      const create = (json: unknown) => call(platform(), "POST", "/api/v1/projects", { token, json });
      const made = CreatedProject.parse((await create({ name: " Zebra & co " })).json);
      expect(made).toMatchObject({ name: "Zebra & co", slug: "zebra-co", created: true });
      expect(made.environments.map(({ slug }) => slug).sort()).toEqual(["dev", "prod", "stg"]);
      const again = CreatedProject.parse((await create({ name: "Zebra & co" })).json);
      expect(again).toEqual({ ...made, created: false });
      const place = `/api/v1/projects/${made.externalRef}/environments/prod/token`;
      const bought = PlaceToken.parse((await call(platform(), "POST", place, { token })).json);
      await deploy(platform(), [{ id: "hello" }], { token: bought.token });
      expect(await trigger(platform(), "hello", {}, {}, bought.token)).toMatch(/^run_/);
      expectError(await create({ name: "Other", organization: "none" }), 403);
      for (const name of ["", " ", "a\u0007b", "x".repeat(101)])
        expectError(await create({ name }), 400, "bad_request");
    });

    test("a credential says where it leads", async () => {
      const { json } = await call(platform(), "GET", "/api/v1/environment", { token: platform().apiKey });
      expect(EnvironmentPlace.parse(json)).toMatchObject({
        id: platform().environmentId,
        slug: "dev",
        branch: null,
        project: { ref },
      });
    });

    test("a development session has an environment and an agent of its own", async () => {
      const { token } = await createPersonal(platform(), cookie);
      const open = async (name: string) => {
        const answer = await call(platform(), "POST", `/api/v1/projects/${ref}/dev-sessions`, {
          token,
          json: { name },
        });
        expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
        return DevSession.parse(answer.json);
      };
      const [ada, bob] = [await open("ada@one"), await open("bob@two")];
      expect((await open("ada@one")).environment).toEqual(ada.environment);
      expect(ada.environment).toMatchObject({ slug: "dev", type: "development", branch: "ada@one" });
      expect(ada.environment.id).not.toBe(bob.environment.id);

      const agents = await Promise.all([
        FakeAgent.enrolWith(platform(), ada.enrolToken),
        FakeAgent.enrolWith(platform(), bob.enrolToken),
      ]);
      await deploy(platform(), [{ id: "hello" }], { token: ada.token });
      await deploy(platform(), [{ id: "hello" }], { token: bob.token });
      const ofAda = await trigger(platform(), "hello", {}, {}, ada.token);
      // The key of development reaches a session by its name.
      const named = await call(platform(), "POST", "/api/v1/tasks/hello/trigger", {
        token: platform().apiKey,
        headers: { "x-trigger-branch": "bob@two" },
        json: { payload: {} },
      });
      const ofBob = (named.json as { id: string }).id;
      const rest = await trigger(platform(), "hello");
      const taken = await Promise.all(agents.map(async (agent) => (await agent.poll(10, 500)).leases));
      expect(taken.map((leases) => leases.map(({ runId }) => runId))).toEqual([[ofAda], [ofBob]]);
      expect([ofAda, ofBob]).not.toContain(rest);
    });

    test("a development session goes away when its dev ends, unless something of it still runs", async () => {
      const { token } = await createPersonal(platform(), cookie);
      const sessions = `/api/v1/projects/${ref}/dev-sessions`;
      const json = { name: "cy@three" };
      const open = async () =>
        DevSession.parse((await call(platform(), "POST", sessions, { token, json })).json);
      const archive = async () =>
        ArchivedDevSession.parse(
          (await call(platform(), "POST", `${sessions}/archive`, { token, json })).json,
        );
      const isListed = async () =>
        (await call(platform(), "GET", "/api/v1/projects", { token })).text.includes("cy@three");
      const session = await open();
      const agent = await FakeAgent.enrolWith(platform(), session.enrolToken);
      await deploy(platform(), [{ id: "hello" }], { token: session.token });
      const lease = await agent.lease(await trigger(platform(), "hello", {}, {}, session.token));
      const { id } = session.environment;
      expect(await archive()).toEqual({ id, archived: false });
      expect(await isListed()).toBe(true);
      await agent.report([{ kind: "started", runId: lease.runId, epoch: lease.epoch }]);
      await agent.complete(lease);
      expect(await archive()).toEqual({ id, archived: true });
      expect(await archive()).toEqual({ id, archived: true });
      expect(await isListed()).toBe(false);
      expect((await open()).environment).toEqual(session.environment);
      expect(await isListed()).toBe(true);
      const none = { token, json: { name: "none" } };
      expectError(await call(platform(), "POST", `${sessions}/archive`, none), 404, "not_found");
    });

    test("an archived branch is reached by nobody, until it is made again", async () => {
      const { token } = await createPersonal(platform(), cookie);
      const json = { branch: "put/away" };
      const branches = `/api/v1/projects/${ref}/branches`;
      const reach = () =>
        call(platform(), "POST", `/api/v1/projects/${ref}/environments/preview/token`, {
          token,
          headers: { "x-trigger-branch": "put/away" },
        });
      const made = await call(platform(), "POST", branches, { token, json });
      expect(PlaceToken.parse((await reach()).json).environment).toMatchObject({ branch: "put/away" });
      const archive = () => call(platform(), "POST", `${branches}/archive`, { token, json });
      expect((await archive()).json).toEqual(made.json);
      expect((await archive()).status).toBe(200);
      expectError(await reach(), 404, "not_found");
      expect((await call(platform(), "GET", "/api/v1/projects", { token })).text).not.toContain("put/away");
      expect((await call(platform(), "POST", branches, { token, json })).json).toEqual(made.json);
      expect((await reach()).status).toBe(200);
      const none = await call(platform(), "POST", `${branches}/archive`, { token, json: { branch: "none" } });
      expectError(none, 404, "not_found");
    });

    test("an archived branch takes no new runs from a key or token made before; what it has is still read", async () => {
      const { token } = await createPersonal(platform(), cookie);
      const json = { branch: "still/read" };
      const branches = `/api/v1/projects/${ref}/branches`;
      await call(platform(), "POST", branches, { token, json });
      const place = await call(platform(), "POST", `/api/v1/projects/${ref}/environments/preview/token`, {
        token,
        headers: { "x-trigger-branch": json.branch },
      });
      const { token: ofBranch } = PlaceToken.parse(place.json);
      const trigger = () =>
        call(platform(), "POST", "/api/v1/tasks/any/trigger", { token: ofBranch, json: { payload: 1 } });
      const made = TriggerResponse.parse((await trigger()).json);
      await call(platform(), "POST", `${branches}/archive`, { token, json });
      const refused = await trigger();
      expectError(refused, 404, "not_found");
      expect(refused.text).toContain("archived");
      expect(refused.headers.get("x-should-retry")).toBe("false");
      const batch = { runCount: 1 };
      expectError(await call(platform(), "POST", "/api/v3/batches", { token: ofBranch, json: batch }), 404);
      const read = await call(platform(), "GET", `/api/v3/runs/${made.id}`, { token: ofBranch });
      expect(read.json).toMatchObject({ id: made.id, status: "PENDING_VERSION" });
      await call(platform(), "POST", branches, { token, json });
      expect((await trigger()).status).toBe(200);
    });

    // The last one: it uses the person's guesses up.
    test("codes that nobody was given open nothing, and guessing them ends soon", async () => {
      const { userCode } = await start();
      expectError(await collect(userCode), 404, "not_found");
      expectError(await look("BBBB-BBBB", "longshore_session=lss_none"), 401);
      const other = await signIn(platform());
      const statuses: number[] = [];
      for (let guesses = 0; guesses < 25; guesses++)
        statuses.push((await look("BCDF-GHJK", other.cookie)).status);
      expect(new Set(statuses)).toEqual(new Set([404, 429]));
      expect(statuses.indexOf(429)).toBeLessThanOrEqual(24);
    }, 20_000);
  });
