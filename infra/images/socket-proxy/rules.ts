import { posix } from "node:path";

/** What this host lets its agent ask for. */
export type Policy = {
  /** Host folder from which containers may mount; the agent's data folder. */
  dataDir: string;
  /** Docker networks that containers may join. */
  networks: readonly string[];
};

/** `body`: how the request's body is to be checked. `container`: the one it touches, whose label is to be checked. */
export type Verdict =
  | { kind: "allow"; body: "none" | "create" | "update"; container: string | null }
  | { kind: "refuse"; why: string };

/** Only containers with this label are made and touched. */
export const agentLabel = "dev.longshore.agent";

const version = "(?:/v1\\.\\d{1,3})?";
const id = "([a-zA-Z0-9][\\w.-]*)";
const route = (methods: string, path: string, body: "none" | "create" | "update" = "none") => ({
  methods: methods.split(" "),
  path: new RegExp(`^${version}${path}$`),
  body,
});

/** Everything the agent needs, and nothing else. Source: Docker Engine API 1.41. */
const routes = [
  route("GET HEAD", "/_ping"),
  route("GET", "/(?:version|info|events)"),
  route("GET", "/containers/json"),
  route("POST", "/containers/create", "create"),
  route("GET", `/containers/${id}/(?:json|logs)`),
  route("POST", `/containers/${id}/(?:start|stop|kill|pause|unpause|wait|attach)`),
  route("POST", `/containers/${id}/update`, "update"),
  route("DELETE", `/containers/${id}`),
  route("GET", "/images/[a-zA-Z0-9][\\w.:/@-]*/json"),
  route("POST", "/images/create"),
];

const refuse = (why: string): Verdict => ({ kind: "refuse", why });

/** Judges a request by its verb and path; whatever is not listed is refused. */
export const judge = (method: string, target: string): Verdict => {
  const [path = "", query = ""] = target.split("?", 2);
  // The engine tidies such paths before it routes them: what we match would not be what it does.
  if (path.includes("..") || path.includes("//") || path.includes("%"))
    return refuse("the path is not plain");
  for (const { methods, path: pattern, body } of routes) {
    const found = methods.includes(method) ? pattern.exec(path) : null;
    if (!found) continue;
    if (path.endsWith("/images/create") && new URLSearchParams(query).has("fromSrc"))
      return refuse("images are pulled, not imported");
    return { kind: "allow", body, container: found[1] ?? null };
  }
  return refuse("agents may not do this");
};

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === "" ||
  value === 0 ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** Errors: the first key with a value that is not in the list; also one that the engine would read in another case. */
const findStranger = (body: object, allowed: ReadonlySet<string>): string | undefined =>
  Object.entries(body).find(([name, value]) => !allowed.has(name) && !isEmpty(value))?.[0];

const limits = ["Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "PidsLimit"];
const updateKeys = new Set(limits);
const createKeys = new Set([
  ...["Image", "Entrypoint", "Cmd", "WorkingDir", "User", "Env", "Labels", "StopTimeout", "StopSignal"],
  ...[
    "HostConfig",
    "Hostname",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "OpenStdin",
    "StdinOnce",
    "Tty",
  ],
  // In the query for the engine; client libraries leave it in the body too.
  "name",
]);
const hostKeys = new Set([
  ...limits,
  ...["Binds", "NetworkMode", "IpcMode", "CapDrop", "SecurityOpt", "ReadonlyRootfs", "Tmpfs", "Ulimits"],
  ...["OomScoreAdj", "LogConfig", "RestartPolicy", "Init", "AutoRemove", "ShmSize"],
]);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const texts = (value: unknown): unknown[] => (Array.isArray(value) ? value : isEmpty(value) ? [] : [value]);

const checkBind = (bind: unknown, { dataDir }: Policy): string | null => {
  const [source = "", target = "", mode = "rw", ...rest] = String(bind).split(":");
  const isInside = posix.normalize(source) === source && source.startsWith(`${dataDir}/`);
  if (!isInside) return `it mounts ${source}, which is not below ${dataDir}`;
  const isPlain = rest.length === 0 && target.startsWith("/") && ["ro", "rw"].includes(mode);
  return isPlain ? null : `it mounts ${String(bind)} in a way that is not allowed`;
};

const checkHost = (host: Record<string, unknown>, policy: Policy): string | null => {
  const stranger = findStranger(host, hostKeys);
  if (stranger) return `it sets HostConfig.${stranger}`;
  // The engine's own default.
  const network = String(host.NetworkMode || "default").replace(/^default$/, "bridge");
  if (!policy.networks.includes(network)) return `it joins the network ${network}`;
  if (!["private", "none"].includes(String(host.IpcMode || "private")))
    return `it joins the IPC namespace ${String(host.IpcMode)}`;
  const option = texts(host.SecurityOpt).find((one) => !/^no-new-privileges(:true)?$/.test(String(one)));
  if (option !== undefined) return `it sets the security option ${String(option)}`;
  if (isObject(host.LogConfig) && !["none", "json-file", "local"].includes(String(host.LogConfig.Type)))
    return `it logs to ${String(host.LogConfig.Type)}`;
  for (const bind of texts(host.Binds)) {
    const why = checkBind(bind, policy);
    if (why) return why;
  }
  return null;
};

/**
 * Why a container may not be made like this, or null.
 *
 * What is listed is allowed, so `Privileged`, `CapAdd`, `Devices`, `Mounts`, namespaces of the host and whatever a later
 * engine adds are refused without being named here.
 */
export const checkCreate = (body: unknown, policy: Policy): string | null => {
  if (!isObject(body)) return "its description is no object";
  const stranger = findStranger(body, createKeys);
  if (stranger) return `it sets ${stranger}`;
  const label = isObject(body.Labels) ? body.Labels[agentLabel] : undefined;
  if (typeof label !== "string" || label === "") return `it has no label ${agentLabel}`;
  const host = body.HostConfig ?? {};
  return isObject(host) ? checkHost(host, policy) : "its HostConfig is no object";
};

/** Why a container may not be changed like this, or null: limits only. */
export const checkUpdate = (body: unknown): string | null => {
  if (!isObject(body)) return "the change is no object";
  const stranger = findStranger(body, updateKeys);
  return stranger ? `it sets ${stranger}` : null;
};
