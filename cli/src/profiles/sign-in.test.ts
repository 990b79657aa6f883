import { readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LiveApi, startLiveApi } from "../testing/live-api.fixture.ts";
import { createProject } from "../testing/project.fixture.ts";
import { type CliOptions, ended, runCli, startCli, until } from "../testing/run-cli.fixture.ts";

let api: LiveApi;
let project: Awaited<ReturnType<typeof createProject>>;
const task = 'import { task } from "@longshore/sdk";\nexport const a = task({ id: "a", run: () => 1 });\n';

beforeAll(async () => {
  [api, project] = await Promise.all([startLiveApi(), createProject({ "src/trigger/a.ts": task })]);
  await project.write("longshore.config.ts", `export default { project: "${api.projectRef}" };\n`);
}, 60_000);
afterAll(async () => {
  await api?.close();
  await project?.remove();
});

const cli = (args: string[], more: Partial<CliOptions> = {}) => runCli(args, { cwd: project.dir, ...more });
const json = (text: string) => JSON.parse(text);
/** Logins of one test are not those of another. */
const home = (name: string) => ({ env: { XDG_CONFIG_HOME: path.join(project.dir, name) } });
const signIn = async (name: string, ...more: string[]) => {
  const { id, token } = await api.personalToken();
  const { code, stderr } = await cli(["login", "--api-url", api.url, "--token", token, ...more], home(name));
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return { id, token };
};

/** Plays the person: reads the code off the terminal, and decides in the browser. */
const decide = async (verb: "approve" | "refuse", name: string) => {
  const child = await startCli(["login", "--api-url", api.url, "--no-browser"], {
    cwd: project.dir,
    ...home(name),
  });
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  const over = ended(child);
  const code =
    (
      await until(
        () => /Code\s+(\S+)/.exec(said),
        (found) => found !== null,
      )
    )?.[1] ?? "";
  expect(said).toContain(`${api.url}/approve?code=${code}`);
  const address = `/api/v1/session/sign-in-requests/${code}`;
  const shown = await api.browse("GET", address);
  expect(shown.json).toMatchObject({ userCode: code, client: expect.stringContaining("longshore ") });
  expect((await api.browse("POST", `${address}/${verb}`)).status).toBe(200);
  return over;
};

test("a person allows the login in the browser; logout revokes what it got", async () => {
  const { code, stdout } = await decide("approve", "browser");
  expect(code).toBe(0);
  expect(stdout).toContain(`Signed in to ${api.url} as owner@localhost (profile default)`);
  const file = path.join(project.dir, "browser/longshore/profiles.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { accessToken } = json(await readFile(file, "utf8")).profiles.default;
  expect(accessToken).toMatch(/^tr_pat_\w{40}$/);
  const who = json((await cli(["whoami", "--json"], home("browser"))).stdout);
  expect(who).toMatchObject({ profile: "default", user: { email: "owner@localhost" } });
  expect(who.projects[0].externalRef).toBe(api.projectRef);

  expect(json((await cli(["logout", "--json"], home("browser"))).stdout)).toMatchObject({ revoked: true });
  const after = await fetch(`${api.url}/api/v2/whoami`, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  expect(after.status).toBe(401);
  expect(await cli(["whoami"], home("browser"))).toMatchObject({ code: 3 });
}, 30_000);

test("a refused login signs nobody in", async () => {
  const { code, stderr } = await decide("refuse", "refused");
  expect(code).toBe(3);
  expect(stderr).toContain("error: the sign-in was refused in the dashboard");
  expect(json((await cli(["profiles", "list", "--json"], home("refused"))).stdout).data).toEqual([]);
}, 30_000);

test("a login reaches the environments of its project, and no key is needed", async () => {
  await signIn("person");
  const deployed = await cli(["deploy", "--env", "staging", "--json"], home("person"));
  expect({ code: deployed.code, stderr: deployed.stderr }).toMatchObject({ code: 0 });
  const { version } = json(deployed.stdout);
  const list = (env: string) => cli(["deployments", "list", "--env", env, "--json"], home("person"));
  const [stg, prod] = await Promise.all([list("stg"), list("prod")]);
  expect(json(stg.stdout).data).toMatchObject([{ version, isCurrent: true }]);
  expect(json(prod.stdout).data).toEqual([]);
  const promoted = await cli(["promote", version, "--env", "stg", "--json"], home("person"));
  const place = { project: api.projectRef, environment: "stg", branch: null };
  expect(json(promoted.stdout)).toMatchObject({ version, ...place });
  const back = await cli(["rollback", version, "--env", "stg"], home("person"));
  expect(back.stdout).toBe(`✓ Version ${version} is current in stg of ${api.projectRef}.\n`);

  const inCi = { env: { ...home("person").env, GITHUB_HEAD_REF: "feat/x" } };
  const branch = await cli(["deploy", "--env", "preview", "--json"], inCi);
  expect(branch).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^branch feat\/x of preview \(from GITHUB_HEAD_REF/),
  });
  const branches = () => cli(["preview", "list", "--json"], home("person"));
  expect(json((await branches()).stdout).data).toMatchObject([{ branch: "feat/x" }]);
  expect(await cli(["preview", "archive", "feat/x", "--yes"], home("person"))).toMatchObject({ code: 0 });
  expect(json((await branches()).stdout).data).toEqual([]);
  const gone = await cli(["deployments", "list", "--branch", "feat/x"], home("person"));
  expect(gone.code).toBe(4);
  expect(gone.stderr).toContain('has no preview branch "feat/x"');

  const made = await cli(["projects", "create", "Side project"], home("person"));
  expect(made).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^✓ Project proj_\w+ \(Side project\) with (dev|stg|prod), /),
  });
}, 120_000);

test("beside a dev of the folder, versions are those of production unless --env dev is named", async () => {
  await signIn("beside");
  // A dev that answers nobody: whoever asks it fails, and says so.
  const dev = { apiUrl: "http://127.0.0.1:1", apiKey: "tr_dev_sk_x", pid: process.pid };
  await project.write(".longshore/dev.json", JSON.stringify(dev));
  try {
    const ask = async (...args: string[]) => (await cli(args, home("beside"))).code;
    const asked = [
      ask("runs", "list"),
      ask("deployments", "list"),
      ask("rollback"),
      ask("promote", "20200101.1"),
      ask("deployments", "list", "--env", "dev"),
    ];
    // 5: no answer. 1 and 4: production answers that it has no version to go back to, or none of that name.
    expect(await Promise.all(asked)).toEqual([5, 0, 4, 4, 5]);
  } finally {
    await rm(path.join(project.dir, ".longshore"), { recursive: true });
  }
}, 60_000);

test("profiles: several instances, one current, each named", async () => {
  await signIn("several");
  await signIn("several", "--profile", "second");
  const list = async () => json((await cli(["profiles", "list", "--json"], home("several"))).stdout).data;
  expect((await list()).filter((one: { isCurrent: boolean }) => one.isCurrent)).toMatchObject([
    { name: "second" },
  ]);
  expect(await cli(["profiles", "use", "default"], home("several"))).toMatchObject({ code: 0 });
  expect(await cli(["profiles", "remove", "second"], home("several"))).toMatchObject({ code: 0 });
  expect(await list()).toMatchObject([{ name: "default", isCurrent: true }]);
  const none = await cli(["whoami", "--profile", "second"], home("several"));
  expect(none).toMatchObject({ code: 3 });
  expect(none.stderr).toContain('error: there is no profile "second"');
}, 40_000);

test("two dev sessions on one instance never take each other's runs", async () => {
  await signIn("sessions");
  const { XDG_CONFIG_HOME } = home("sessions").env;
  const code = (text: string) =>
    `import { task } from "@longshore/sdk";\nexport const who = task({ id: "who", run: () => "${text}" });\n`;
  const open = async (name: string) => {
    const folder = await createProject({ "src/trigger/who.ts": code(name) });
    const options = { cwd: folder.dir, env: { XDG_CONFIG_HOME } };
    const args = ["dev", "--profile", "default", "--project", api.projectRef, "--json"];
    const child = await startCli(args, options);
    let said = "";
    child.stdout?.on("data", (chunk) => {
      said += chunk;
    });
    const isUp = () =>
      until(
        () => said,
        (text) => text.includes('"version"'),
        60_000,
      );
    const ask = async () =>
      json((await runCli(["trigger", "who", "--wait", "--json"], options)).stdout).output;
    const where = async () => json((await runCli(["whoami", "--json"], options)).stdout);
    const close = async () => {
      const over = ended(child);
      child.kill("SIGINT");
      await over;
      await folder.remove();
    };
    return { isUp, ask, where, close };
  };
  const [one, two] = await Promise.all([open("one"), open("two")]);
  try {
    await Promise.all([one.isUp(), two.isUp()]);
    expect(await one.where()).toMatchObject({
      via: "dev",
      environment: { project: { ref: api.projectRef } },
    });
    const asked = [one.ask(), two.ask(), two.ask(), one.ask()];
    expect(await Promise.all(asked)).toEqual(["one", "two", "two", "one"]);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
  const { data } = json((await cli(["projects", "list", "--json"], home("sessions"))).stdout);
  const places = data.flatMap((project: { environments: unknown[] }) => project.environments);
  expect(places).not.toContainEqual(expect.objectContaining({ slug: "dev", branch: expect.any(String) }));
}, 150_000);

test("bad input: an expired login, an unknown project, a network that is away", async () => {
  const { id } = await signIn("bad");
  const unknown = cli(["runs", "list", "--project", "proj_none"], home("bad"));
  const away = cli(["runs", "list"], {
    env: { LONGSHORE_API_URL: "http://127.0.0.1:1", LONGSHORE_SECRET_KEY: "tr_dev_sk_x" },
  });
  const wrongEnv = cli(["runs", "list", "--env", "moon"], home("bad"));
  const noUrl = cli(["runs", "list", "--api-url", "notaurl"], home("bad"));
  const noUrlInEnv = cli(["whoami"], { env: { ...home("bad").env, LONGSHORE_API_URL: "localhost:3030" } });
  expect(await unknown).toMatchObject({
    code: 4,
    stderr: expect.stringContaining(
      `error: unknown project "proj_none" on ${api.url}\nnext: set \`project\``,
    ),
  });
  expect(await away).toMatchObject({ code: 5, stderr: expect.stringMatching(/^error: .*\nnext: .*\n$/) });
  expect(await wrongEnv).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('unknown environment "moon"'),
  });
  expect(await noUrl).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error: --api-url: "notaurl" is no address of an API\nnext: .*\n$/),
  });
  expect(await noUrlInEnv).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error: LONGSHORE_API_URL: "localhost:3030" is no address/),
  });
  await api.browse("DELETE", `/api/v1/session/tokens/${id}`);
  const expired = await cli(["runs", "list", "--json"], home("bad"));
  expect(expired.code).toBe(3);
  expect(json(expired.stdout).error).toMatchObject({
    message: 'the login of profile "default" has expired or was revoked',
    next: "longshore login --profile default",
    exitCode: 3,
  });
}, 40_000);

test("bad input: a configuration that is missing, throws, or is no configuration", async () => {
  const deploy = async (config: string | null) => {
    const bad = await createProject({ "src/trigger/a.ts": task });
    await bad.write("longshore.config.ts", config ?? "");
    if (config === null) await rm(path.join(bad.dir, "longshore.config.ts"));
    const answer = await cli(["deploy", bad.dir, "--api-url", api.url, "--api-key", api.apiKey]);
    await bad.remove();
    return answer;
  };
  const [missing, throws, wrong] = await Promise.all([
    deploy(null),
    deploy('\nthrow new Error("no luck\\nat all");'),
    deploy("export default { project: 5 };"),
  ]);
  expect(missing).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("error: no longshore.config.ts"),
  });
  expect(throws).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      "error: longshore.config.ts failed when it was loaded: no luck (longshore.config.ts:2:7)\n",
    ),
  });
  expect(wrong).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("error: longshore.config.ts: project:"),
  });
}, 30_000);

test("no prompt without a terminal: the missing flag is named", async () => {
  expect(await cli(["login"], home("nobody"))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("error: --api-url is missing, and there is no terminal to ask on"),
  });
});
