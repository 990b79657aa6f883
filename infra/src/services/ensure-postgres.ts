import { readdirSync } from "node:fs";
import { join } from "node:path";
import { aptInstall } from "./apt-install.ts";
import { whyDockerIsSilent } from "./connect-docker.ts";
import { findBinary } from "./find-binary.ts";
import { runCommand } from "./run-command.ts";
import { firstService, type Service } from "./service.ts";
import { startPostgres } from "./start-postgres.ts";
import { whyPostgresIsSilent } from "./why-postgres-is-silent.ts";

const DEBIAN_FOLDER = "/usr/lib/postgresql";

/**
 * A Postgres to test against, by the first way that works: the one at `DATABASE_URL`, the machine's server binaries,
 * the same after apt installed them (root only), a container (`LONGSHORE_PG_IMAGE`, default postgres:17).
 *
 * Shape: `url` names a superuser of a server we started; use `createDatabase` for a database of your own.
 */
export function ensurePostgres(env: NodeJS.ProcessEnv = process.env): Promise<Service> {
  return firstService([
    () => fromUrl(env.DATABASE_URL),
    fromBinaries,
    () => fromApt(env),
    () => fromContainer(env),
  ]);
}

async function fromUrl(url: string | undefined): Promise<Service> {
  if (!url) return { missing: "DATABASE_URL is not set" };
  const reason = await whyPostgresIsSilent(url);
  if (reason) return { missing: `DATABASE_URL does not answer (${reason})` };
  return { url, how: "DATABASE_URL", stop: async () => undefined };
}

async function fromBinaries(): Promise<Service> {
  const bin = await findServerFolder();
  return bin ? startPostgres(bin) : { missing: "no Postgres server binaries" };
}

async function fromApt(env: NodeJS.ProcessEnv): Promise<Service> {
  if (await findServerFolder()) return { missing: "installing again would not help" };
  const reason = await aptInstall(["postgresql"], env);
  return reason ? { missing: reason } : fromBinaries();
}

async function fromContainer(env: NodeJS.ProcessEnv): Promise<Service> {
  const reason = await whyDockerIsSilent(env.DOCKER_HOST);
  if (reason) return { missing: reason };
  const { PostgreSqlContainer } = await import("@testcontainers/postgresql");
  const image = env.LONGSHORE_PG_IMAGE ?? "postgres:17";
  const container = await new PostgreSqlContainer(image).start();
  return {
    url: container.getConnectionUri().replace(/^postgres:/, "postgresql:"),
    how: `container of ${image}`,
    stop: () => container.stop().then(() => undefined),
  };
}

/** The folder with `initdb` and `postgres`: the newest of Debian's, what pg_config says, or PATH's. */
async function findServerFolder(): Promise<string | undefined> {
  const pgConfig = findBinary(["pg_config"]);
  const configured = pgConfig && (await runCommand(pgConfig, ["--bindir"])).output.trim();
  const folders = [
    ...debianFolders(),
    ...(configured ? [configured] : []),
    ...(process.env.PATH ?? "").split(":"),
  ];
  return folders.find(
    (folder) => findBinary([join(folder, "initdb")]) && findBinary([join(folder, "postgres")]),
  );
}

function debianFolders(): string[] {
  try {
    const versions = readdirSync(DEBIAN_FOLDER).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(DEBIAN_FOLDER, version, "bin"));
  } catch {
    return [];
  }
}
