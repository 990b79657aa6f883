import { z } from "zod";

/** Units: characters; bytes of UTF-8. */
const nameMax = 256;
export const envVarBytesMax = 32 * 1024;

/** Set by the platform for every run, and what no process could be given. */
const reserved = [
  "TRIGGER_SECRET_KEY",
  "TRIGGER_API_URL",
  "TRIGGER_ACCESS_TOKEN",
  "TRIGGER_RUN_TOKEN",
  "__proto__",
];

const isReserved = (name: string): boolean =>
  reserved.includes(name) || name.toUpperCase().startsWith("LONGSHORE_");

export const EnvVarName = z
  .string()
  .max(nameMax)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be letters, digits and _, and not begin with a digit")
  .refine((name) => !isReserved(name), "is reserved: the platform sets it");

export const EnvVarValue = z
  .string()
  .refine((value) => !value.includes("\0"), "must not hold a NUL character")
  .refine(
    (value) => new TextEncoder().encode(value).length <= envVarBytesMax,
    `must be at most ${envVarBytesMax} bytes`,
  );

const EnvVarRecord = z
  .record(EnvVarName, EnvVarValue)
  .refine((variables) => Object.keys(variables).length <= 500, "at most 500 variables in one import");

/** A variable as it is read: the value of a secret is redacted. Source: the client wire contract, 4.6. */
export const EnvVar = z.object({ name: z.string(), value: z.string(), isSecret: z.boolean() });
export type EnvVar = z.infer<typeof EnvVar>;
export const EnvVarList = z.array(EnvVar);

export const CreateEnvVarBody = z.object({
  name: EnvVarName,
  value: EnvVarValue,
  isSecret: z.boolean().optional(),
});
export const UpdateEnvVarBody = z.object({ value: EnvVarValue });
export const ImportEnvVarsBody = z.object({
  variables: EnvVarRecord,
  /** Written to the preview environment that a branch belongs to. */
  parentVariables: EnvVarRecord.optional(),
  override: z.boolean().default(false),
  isSecret: z.boolean().optional(),
  source: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("user"), userId: z.string().max(200) }),
      z.object({ type: z.literal("integration"), integration: z.string().max(200) }),
    ])
    .optional(),
});
export type ImportEnvVarsBody = z.infer<typeof ImportEnvVarsBody>;
export const Success = z.object({ success: z.literal(true) });
export type Success = z.infer<typeof Success>;

/** `POST /api/v1/projects/:ref/branches`. */
export const CreateBranchBody = z.object({
  branch: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(/^[^\s\p{Cc}]+$/u, "must not hold spaces or control characters"),
});
export const Branch = z.object({ id: z.string(), branch: z.string() });
export type Branch = z.infer<typeof Branch>;
