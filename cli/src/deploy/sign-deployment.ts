import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type { DeploymentSignature, SignedStatement } from "@longshore/shared/contract/signatures";
import type { BuiltProject } from "../bundle/build-project.ts";
import { CliError } from "../cli-error.ts";

const nameOf = (key: KeyObject): string => String(createPublicKey(key).export({ format: "jwk" }).x);

/**
 * Makes a key for signing deployments. Shape: the name by which agents trust it (LONGSHORE_TRUSTED_KEYS).
 * Errors: `CliError` when the file is there already.
 */
export const makeSigningKey = async (file: string): Promise<string> => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  await writeFile(file, pem, { flag: "wx", mode: 0o600 }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "EEXIST" ? "is there already" : `cannot be written (${cause.code})`;
    throw new CliError(`${file} ${why}`, { next: "name another file", cause });
  });
  return nameOf(privateKey);
};

/**
 * The key of `--sign-key`, or of LONGSHORE_SIGNING_KEY: a file, or the key's own text as secrets of a build have it.
 * Errors: `CliError`.
 */
export const readSigningKey = async (given: string): Promise<KeyObject> => {
  const isText = given.trimStart().startsWith("-----BEGIN");
  const pem = isText
    ? given
    : await readFile(given, "utf8").catch((cause: Error) => {
        throw new CliError(`the signing key ${given} cannot be read`, {
          next: "make one with: longshore signing-key <file>",
          cause,
        });
      });
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // said below
  }
  throw new CliError("the signing key is no Ed25519 private key in PEM", {
    next: "make one with: longshore signing-key <file>",
  });
};

/** Says what a deployment is, and signs that text. `envNames`: the only variables that its runs may get; null = any. */
export const signDeployment = (
  { config, manifest, archive }: BuiltProject,
  key: KeyObject,
  envNames: string[] | null,
): DeploymentSignature => {
  const said: SignedStatement = {
    purpose: "longshore deployment 1",
    project: config.project ?? "",
    bundleHash: archive.hash,
    entry: manifest.entry,
    tasks: manifest.tasks.map(({ id }) => id).sort(),
    sdkVersion: manifest.sdkVersion,
    ...(manifest.image === undefined ? {} : { image: manifest.image }),
    envNames: envNames === null ? null : [...envNames].sort(),
  };
  const statement = JSON.stringify(said);
  const signature = sign(null, Buffer.from(statement), key).toString("base64url");
  return { key: nameOf(key), statement, signature };
};
