/** What is looked at before a request goes on. */
export type Subject =
  | { kind: "engine" }
  /** One of the agent's containers, by id or name. */
  | { kind: "container"; name: string }
  | { kind: "image"; name: string }
  | { kind: "network"; name: string };

/** How the request's body is to be understood; `none` is thrown away. */
export type BodyKind = "none" | "create" | "update" | "network";

/** `query`: what of it is passed on. `isFiltered`: the answer must be narrowed to the agent's containers. */
export type Verdict =
  | {
      kind: "allow";
      subject: Subject;
      body: BodyKind;
      path: string;
      query: URLSearchParams;
      isFiltered: boolean;
    }
  | { kind: "refuse"; why: string };

type Route = {
  methods: readonly string[];
  path: RegExp;
  subject: Subject["kind"];
  body: BodyKind;
  /** Names of the query that are passed on. */
  query: readonly string[];
  isFiltered: boolean;
};

const version = "(?:/v1\\.\\d{1,3})?";
const name = "([a-zA-Z0-9][\\w.-]{0,254})";
const image = "([a-zA-Z0-9][\\w.:/@-]{0,254})";

const route = (
  methods: string,
  path: string,
  rest: Partial<Omit<Route, "methods" | "path">> = {},
): Route => ({
  methods: methods.split(" "),
  path: new RegExp(`^${version}${path}$`),
  subject: "engine",
  body: "none",
  query: [],
  isFiltered: false,
  ...rest,
});
const container = (methods: string, action: string, query: string[] = [], body: BodyKind = "none"): Route =>
  route(methods, `/containers/${name}${action}`, { subject: "container", query, body });

/** Everything the agent needs, and nothing else. Source: Docker Engine API 1.41. */
const routes: readonly Route[] = [
  route("GET HEAD", "/_ping"),
  route("GET", "/(?:version|info)"),
  route("GET", "/events", { query: ["since", "until", "filters"], isFiltered: true }),
  route("GET", "/containers/json", { query: ["all", "limit", "filters"], isFiltered: true }),
  route("POST", "/containers/create", { query: ["name"], body: "create" }),
  container("GET", "/json"),
  container("POST", "/start"),
  container("POST", "/stop", ["t"]),
  container("POST", "/kill", ["signal"]),
  container("POST", "/pause"),
  container("POST", "/unpause"),
  container("POST", "/wait", ["condition"]),
  container("POST", "/update", [], "update"),
  container("DELETE", "", ["force", "v"]),
  route("GET", `/images/${image}/json`, { subject: "image" }),
  route("POST", "/images/create", { subject: "image", query: ["fromImage", "tag"] }),
  route("GET", `/networks/${name}`, { subject: "network" }),
  route("POST", "/networks/create", { body: "network" }),
];

const refuse = (why: string): Verdict => ({ kind: "refuse", why });

/** Image of a pull. A tag that is a digest is joined as the engine joins it. */
const pulledImage = (query: URLSearchParams): string => {
  const [from = "", tag = ""] = [query.get("fromImage") ?? "", query.get("tag") ?? ""];
  if (tag === "") return from;
  return tag.startsWith("sha256:") ? `${from}@${tag}` : `${from}:${tag}`;
};

/**
 * What is passed on of the query; client libraries write there what belongs into the body, and that is left behind.
 * Errors: why it is refused: what stands twice could be read in two ways.
 */
const readQuery = (text: string, names: readonly string[]): URLSearchParams | string => {
  const kept = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(text)) {
    if (!names.includes(name)) continue;
    if (kept.has(name)) return `the query names ${name} twice`;
    kept.set(name, value);
  }
  return kept;
};

const subjectOf = ({ subject }: Route, found: RegExpExecArray, query: URLSearchParams): Subject => {
  const named = found[1] ?? "";
  if (subject === "image") return { kind: "image", name: named || pulledImage(query) };
  return subject === "engine" ? { kind: "engine" } : { kind: subject, name: named };
};

/** Judges a request by its verb, path and query; whatever is not listed is refused. */
export const judge = (method: string, target: string): Verdict => {
  const [path = "", text = "", ...more] = target.split("?");
  // The engine tidies such paths before it routes them: what we match would not be what it does.
  if (more.length > 0 || path.includes("..") || path.includes("//") || path.includes("%"))
    return refuse("the path is not plain");
  for (const one of routes) {
    const found = one.methods.includes(method) ? one.path.exec(path) : null;
    if (!found) continue;
    const query = readQuery(text, one.query);
    if (typeof query === "string") return refuse(query);
    const subject = subjectOf(one, found, query);
    const { body, isFiltered } = one;
    return { kind: "allow", subject, body, query, isFiltered, path };
  }
  return refuse("agents may not do this");
};
