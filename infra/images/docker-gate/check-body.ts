import { networkOptions } from "@longshore/agent/core/egress";
import { z } from "zod";
import { agentLabel, gateLabel, isAllowedImage, type Policy } from "./policy.ts";

/** `body`: what is sent to the engine in place of what came. `binds`: host folders it mounts, to be looked at on disk. */
export type Checked = { kind: "ok"; body: object; binds: string[] } | { kind: "refuse"; why: string };

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === "" ||
  value === 0 ||
  (typeof value === "object" && Object.keys(value).length === 0);

/**
 * Leaves out what says nothing. Names are read by the engine in any case (`hostconfig`), and an empty one of those
 * would undo the one that was checked; so what is left out is not sent either.
 */
const withoutEmpty = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const full = Object.entries(value)
    .map(([name, inner]): [string, unknown] => [name, withoutEmpty(inner)])
    .filter(([, inner]) => !isEmpty(inner));
  return Object.fromEntries(full);
};

const text = z.string().max(4_096);
const texts = z.array(text).max(200);
/** Of a container's log in all. Units: bytes. */
const logBytesMax = 256 * 1024 * 1024;
const sizeUnits: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
/** Units: bytes. */
const dockerBytes = (size: string): number => {
  const [, count, unit] = /^(\d+)([kmg]?)$/.exec(size) ?? [];
  return Number(count) * (sizeUnits[unit ?? ""] ?? Number.NaN);
};
const boundedLog = z
  .strictObject({
    "max-size": z.string().regex(/^[1-9]\d{0,8}[kmg]?$/),
    "max-file": z.string().regex(/^[1-5]$/),
  })
  .refine((log) => dockerBytes(log["max-size"]) * Number(log["max-file"]) <= logBytesMax, {
    error: "its log is not bounded",
  });

/** Options of a temporary file system by name, each at most once: of several the kernel takes the last. */
const tmpfsOptions: Record<string, RegExp> = {
  rw: /^rw$/,
  nosuid: /^nosuid$/,
  nodev: /^nodev$/,
  noexec: /^noexec$/,
  size: /^size=[1-9]\d{0,9}[km]?$/, // 0 would be without bounds
  mode: /^mode=[01]?[0-7]{3}$/,
  uid: /^uid=1000$/,
  gid: /^gid=1000$/,
};
const isClosedTmpfs = (said: string): boolean => {
  const options = said.split(",");
  const names = options.map((option) => option.split("=")[0] ?? "");
  return (
    ["nosuid", "nodev", "size"].every((name) => names.includes(name)) &&
    new Set(names).size === names.length &&
    options.every((option, at) =>
      Object.entries(tmpfsOptions).some(([name, form]) => name === names[at] && form.test(option)),
    )
  );
};

/** Reads `source:target:mode`; whether the source is what it seems is looked at on disk. */
const bindFor = (policy: Policy) =>
  z.string().superRefine((bind, context) => {
    const [source = "", target = "", mode = "rw", ...rest] = bind.split(":");
    const names = source.split("/").slice(1);
    const isInside =
      source.startsWith(`${policy.dataDir}/`) &&
      names.every((name) => name !== "" && name !== "." && name !== "..");
    if (!isInside) context.addIssue(`it mounts ${source}, which is not below ${policy.dataDir}`);
    const isPlain =
      rest.length === 0 &&
      /^\/longshore\/[\w./-]+$/.test(target) &&
      !target.includes("..") &&
      /^r[ow]$/.test(mode);
    if (!isPlain) context.addIssue(`it mounts ${bind} in a way that is not allowed`);
  });

const limitsFor = ({ memoryBytesMax, nanoCpusMax, pidsMax }: Policy) => ({
  Memory: z
    .int()
    .min(4 * 1024 * 1024)
    .max(memoryBytesMax),
  /** Memory and swap together: the same as the memory, so that nothing is swapped. */
  MemorySwap: z.int().positive(),
  NanoCpus: z.int().positive().max(nanoCpusMax),
  PidsLimit: z.int().positive().max(pidsMax),
});
const extraLimits = {
  MemoryReservation: z.int().positive().optional(),
  CpuShares: z.int().min(2).max(1_024).optional(),
};

const hasNoSwap = (limits: { Memory?: number | undefined; MemorySwap?: number | undefined }): boolean =>
  limits.Memory === limits.MemorySwap;
const swaps = "its MemorySwap is not its Memory";

const hostFor = (policy: Policy) =>
  z
    .strictObject({
      ...limitsFor(policy),
      // A container may start without it and be limited once it is up: nobody else comes to a halt meanwhile.
      NanoCpus: limitsFor(policy).NanoCpus.optional(),
      ...extraLimits,
      Binds: z.array(bindFor(policy)).max(16).optional(),
      NetworkMode: z.string().refine((name) => policy.networks.includes(name), {
        error: ({ input }) => `it joins the network ${String(input)}`,
      }),
      IpcMode: z.enum(["private", "none"], {
        error: ({ input }) => `it joins the IPC namespace ${String(input)}`,
      }),
      CapDrop: texts.refine((names) => names.join() === "ALL", "it keeps capabilities"),
      SecurityOpt: texts.refine(
        (options) => /^no-new-privileges(:true)?$/.test(options.join()),
        "its security options are not no-new-privileges alone",
      ),
      ReadonlyRootfs: z.literal(true, { error: "its root can be written" }),
      Tmpfs: z
        .record(
          z
            .string()
            .regex(/^\/(tmp|var\/tmp|run)$/, { error: "it has a temporary file system in an odd place" }),
          z.string().refine(isClosedTmpfs, {
            error: "its temporary file system is not nosuid, nodev and of a size, or has other options",
          }),
        )
        .optional(),
      Ulimits: z
        .array(
          z.strictObject({
            Name: z.enum(["nofile", "core", "nproc", "fsize"]),
            Soft: z.int().min(0).max(1_048_576).default(0),
            Hard: z.int().min(0).max(1_048_576).default(0),
          }),
        )
        .max(4)
        .optional(),
      OomScoreAdj: z.int().min(0).max(1_000).optional(),
      LogConfig: z.discriminatedUnion(
        "Type",
        [
          z.strictObject({ Type: z.literal("none") }),
          z.strictObject({
            Type: z.enum(["json-file", "local"]),
            Config: boundedLog,
          }),
        ],
        { error: "its log is not bounded" },
      ),
      RestartPolicy: z.strictObject({ Name: z.literal("no") }).optional(),
      Init: z.boolean().optional(),
      AutoRemove: z.boolean().optional(),
      ShmSize: z
        .int()
        .positive()
        .max(1024 ** 3)
        .optional(),
      Runtime: z
        .string()
        .refine((name) => policy.runtimes.includes(name), {
          error: ({ input }) => `it asks for the runtime ${String(input)}`,
        })
        .optional(),
    })
    .refine(hasNoSwap, swaps)
    // Without a name it would get the engine's own.
    .refine(
      ({ Runtime }) => policy.runtimes.length === 0 || Runtime !== undefined,
      `it does not ask for the runtime ${policy.runtimes.join(" or ")}`,
    );

const createFor = (policy: Policy) =>
  z.strictObject({
    Image: z.string().refine((image) => isAllowedImage(image, policy), {
      error: ({ input }) => `it is made of the image ${String(input)}`,
    }),
    Entrypoint: texts.optional(),
    Cmd: texts.optional(),
    WorkingDir: text.optional(),
    User: z.literal(policy.user, { error: `its user is not ${policy.user}` }),
    Env: z.array(z.string().max(32_768)).max(200).optional(),
    Labels: z
      .record(
        z.string().regex(/^dev\.longshore\./, { error: "it has a label that is not dev.longshore.*" }),
        z.string().max(1_000),
        { error: `it has no label ${agentLabel}` },
      )
      .refine((labels) => Boolean(labels[agentLabel]), `it has no label ${agentLabel}`)
      .refine((labels) => !(gateLabel in labels), `it sets the label ${gateLabel}`),
    StopTimeout: z.int().min(0).max(300).optional(),
    StopSignal: z
      .string()
      .regex(/^SIG[A-Z0-9]{2,6}$/)
      .optional(),
    HostConfig: hostFor(policy),
    // In the query for the engine; client libraries leave it in the body too.
    name: text.optional(),
  });

const updateFor = (policy: Policy) =>
  z.strictObject(limitsFor(policy)).partial().extend(extraLimits).refine(hasNoSwap, swaps);

/** In the words of a refusal: the first thing that is wrong. */
const whyOf = ({ issues }: z.ZodError): string => {
  const [issue] = issues;
  if (issue === undefined) return "it cannot be understood";
  const at = issue.path.join(".");
  if (issue.code === "unrecognized_keys") return `it sets ${[...issue.path, issue.keys[0]].join(".")}`;
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? issue.message;
  return issue.message.startsWith("it") ? issue.message : `${at || "it"}: ${issue.message}`;
};

/** How a container may be made: every field that may be set, with what it may be; whatever is not listed is refused. */
export const checkCreate = (given: unknown, policy: Policy): Checked => {
  const parsed = createFor(policy).safeParse(withoutEmpty(given));
  if (!parsed.success) return { kind: "refuse", why: whyOf(parsed.error) };
  const { Labels, name: _, ...body } = parsed.data;
  const binds = (body.HostConfig.Binds ?? []).map((bind) => bind.split(":")[0] ?? "");
  return { kind: "ok", body: { ...body, Labels: { ...Labels, [gateLabel]: policy.owner } }, binds };
};

/** Of a container that runs only its limits are changed, within those that it could have been made with. */
export const checkUpdate = (given: unknown, policy: Policy): Checked => {
  const parsed = updateFor(policy).safeParse(withoutEmpty(given));
  return parsed.success
    ? { kind: "ok", body: parsed.data, binds: [] }
    : { kind: "refuse", why: whyOf(parsed.error) };
};

/** The one network that may be made, exactly as the agent makes it. */
export const checkNetwork = (given: unknown, { egress }: Policy): Checked => {
  if (egress === null) return { kind: "refuse", why: "no network is made when LONGSHORE_NETWORK names one" };
  const wanted = networkOptions(egress);
  const isSame = JSON.stringify(sorted(withoutEmpty(given))) === JSON.stringify(sorted(withoutEmpty(wanted)));
  return isSame
    ? { kind: "ok", body: wanted, binds: [] }
    : { kind: "refuse", why: `it is not ${egress.network} as agents make it` };
};

const sorted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value)
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([name, inner]) => [name, sorted(inner)]),
      )
    : value;
