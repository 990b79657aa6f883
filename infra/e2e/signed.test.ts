import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type DeployedProject, deployProject } from "longshore/deploy/deploy";
import { makeSigningKey, readSigningKey } from "longshore/deploy/sign-deployment";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../src/services/create-database.ts";
import { needs } from "../src/testing/need.ts";
import { ended, spawnCli } from "./stage/spawn-part.ts";
import { embeddedApi, type Stage, startStage } from "./stage/start-stage.ts";

const postgresUrl = needs("postgres");
const task = (answer: string) => `
import { task } from "@longshore/sdk";
export const speak = task({ id: "speak", run: async () => ${JSON.stringify(answer)} });
export const whisper = task({ id: "whisper", run: async () => ${JSON.stringify(answer)} });
`;

describe.skipIf(!postgresUrl)("an agent that trusts one signing key", () => {
  let stage: Stage;
  let database: pg.Client;
  let keyFile: string;
  let trusted: string;
  let signed: DeployedProject;
  let foreign: DeployedProject;
  let calls = 0;

  beforeAll(async () => {
    const url = await createDatabase(postgresUrl as string, "e2e_signed");
    const env = {
      DATABASE_URL: url,
      LONGSHORE_SECRET: randomBytes(32).toString("hex"),
      LONGSHORE_MIGRATE: "1",
      HOST: "127.0.0.1",
    };
    stage = await startStage("signed", (folder, log) => embeddedApi(folder, log, env));
    database = new pg.Client({ connectionString: url });
    await database.connect();
    keyFile = join(stage.folder, "signing.pem");
    const made = await cli(["signing-key", keyFile, "--json"]);
    trusted = (JSON.parse(made.output) as { publicKey: string }).publicKey;
    await stage.agent({ trustedKeys: [trusted] });
    // What whoever controls the API would run: a deployment that is not signed.
    foreign = await stage.deploy(stage.project({ "trigger/tasks.ts": task("the intruder's") }));
    const dir = stage.project({ "trigger/tasks.ts": task("ours") });
    const connection = ["--api-url", stage.url, "--api-key", stage.apiKey];
    const deployed = await cli(["deploy", dir, ...connection, "--sign-key", keyFile, "--json"]);
    expect(deployed.code, deployed.output).toBe(0);
    signed = JSON.parse(deployed.output.slice(deployed.output.indexOf("{"))) as DeployedProject;
  }, 120_000);
  afterAll(async () => {
    await database?.end();
    await stage?.close();
  }, 60_000);

  const cli = async (args: string[]) =>
    ended(await spawnCli(args, { logFile: join(stage.folder, `cli-${++calls}.log`) }));
  const outcome = async (id = "speak") => {
    const run = await stage.client.tasks.trigger(id, {});
    const ran: { status: string; output?: unknown; error?: unknown } = await stage.client.runs.poll(run.id, {
      pollIntervalMs: 50,
    });
    return { status: ran.status, output: ran.output, error: JSON.stringify(ran.error ?? null) };
  };
  /** Changes the row of the signed deployment, and puts it back afterwards. */
  const tampered = async (sql: string, values: unknown[]): Promise<Awaited<ReturnType<typeof outcome>>> => {
    const { rows } = await database.query("select bundle_hash, manifest from deployments where id = $1", [
      signed.deploymentId,
    ]);
    await database.query(`update deployments set ${sql} where id = $1`, [signed.deploymentId, ...values]);
    try {
      return await outcome();
    } finally {
      await database.query("update deployments set bundle_hash = $2, manifest = $3 where id = $1", [
        signed.deploymentId,
        rows[0].bundle_hash,
        rows[0].manifest,
      ]);
    }
  };

  test("executes what was signed with it", { timeout: 60_000 }, async () => {
    expect(await outcome()).toMatchObject({ status: "COMPLETED", output: "ours" });
  });

  test("refuses, at once and for good, what the database was changed to", { timeout: 120_000 }, async () => {
    const otherCode = await tampered("bundle_hash = $2", [foreign.bundleHash]);
    expect(otherCode).toMatchObject({ status: "SYSTEM_FAILURE" });
    expect(otherCode.error).toContain("carries a signature of other code");
    expect(otherCode.output).toBeUndefined();

    const unsigned = await tampered("manifest = manifest - 'signature'", []);
    expect(unsigned.error).toContain("is not signed");

    const statement =
      "jsonb_set(manifest, '{signature,statement}', to_jsonb(replace(manifest->'signature'->>'statement', $2, $3)))";
    const forged = await tampered(`bundle_hash = $3, manifest = ${statement}`, [
      signed.bundleHash,
      foreign.bundleHash,
    ]);
    expect(forged.error).toContain("is not valid");

    expect(await outcome()).toMatchObject({ status: "COMPLETED", output: "ours" });
  });

  test("refuses a variable that would load other code", { timeout: 60_000 }, async () => {
    const { client } = stage;
    const variable = { name: "NODE_OPTIONS", value: "--import data:text/javascript,0" };
    const { rows } = await database.query(
      "select p.ref, e.slug from environments e join projects p on p.id = e.project_id join deployments d on d.environment_id = e.id where d.id = $1",
      [signed.deploymentId],
    );
    const path = `/api/v1/projects/${rows[0].ref}/envvars/${rows[0].slug}`;
    await client.send("POST", path, { body: variable });
    try {
      await expect.poll(async () => (await outcome()).error, { timeout: 20_000 }).toContain("NODE_OPTIONS");
    } finally {
      await client.send("DELETE", `${path}/NODE_OPTIONS`);
    }
  });

  test("refuses what another key has signed", { timeout: 60_000 }, async () => {
    const other = join(stage.folder, "other.pem");
    await makeSigningKey(other);
    await deployProject({
      dir: stage.project({ "trigger/tasks.ts": task("another's") }),
      apiUrl: stage.url,
      apiKey: stage.apiKey,
      signing: { key: await readSigningKey(other), envNames: null },
    });
    expect((await outcome()).error).toContain("a key it does not trust");
  });

  test("a key is written once, for its owner's eyes", async () => {
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(await cli(["signing-key", keyFile])).toMatchObject({ code: 1 });
    expect((await readSigningKey(readFileSync(keyFile, "utf8"))).asymmetricKeyType).toBe("ed25519");
    await expect(readSigningKey(join(stage.folder, "none.pem"))).rejects.toThrow("cannot be read");
  });
});
