import type { OpenApiDocument, OpenApiOperation } from "../openapi.ts";
import { referenceScript, referenceStyle } from "./reference-style.ts";
import { sampleOf } from "./sample-body.ts";
import { escapeHtml, notesOf, schemaHtml } from "./schema-html.ts";

type Route = { method: string; path: string; operation: OpenApiOperation };

const routesOf = (document: OpenApiDocument): Route[] =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  );

const roomsOf = (routes: readonly Route[]): Map<string, Route[]> => {
  const rooms = new Map<string, Route[]>();
  for (const route of routes) {
    const name = route.operation.tags[0] ?? "Other";
    rooms.set(name, [...(rooms.get(name) ?? []), route]);
  }
  return new Map([...rooms].sort(([a], [b]) => a.localeCompare(b)));
};

const tag = (html: string): string => `<span class="tag">${html}</span>`;

const authWords: Record<string, string> = {
  bearer: "secret key or token",
  personal: "personal access token",
  agent: "agent",
  session: "session cookie",
};

const accessHtml = ({ security, ...operation }: OpenApiOperation): string => {
  const kinds = security.flatMap((one) => Object.keys(one)).map((kind) => authWords[kind] ?? kind);
  const scope = operation["x-scope"];
  const denied = operation["x-denies"] ?? [];
  return [
    tag(kinds.length === 0 ? "no credential" : escapeHtml(kinds.join(" or "))),
    ...(scope === undefined ? [] : [tag(`scope <code>${escapeHtml(scope)}</code>`)]),
    ...(denied.length === 0 ? [] : [tag(`not for: ${escapeHtml(denied.join(", "))} tokens`)]),
  ].join("");
};

const fold = (title: string, html: string, isOpen = false): string =>
  html === ""
    ? ""
    : `<details${isOpen ? " open" : ""}><summary>${title}</summary><div>${html}</div></details>`;

const parametersHtml = (operation: OpenApiOperation): string => {
  const rows = operation.parameters.map(({ name, in: place, required, schema }) => {
    const notes = [place, notesOf(schema)].filter(Boolean).join(" · ");
    return `<li><div class="prop"><code>${escapeHtml(name)}</code><span class="type">${escapeHtml(
      schema.enum?.join(" | ") ?? String(schema.type ?? "string"),
    )}</span>${required ? '<span class="required">required</span>' : ""}<span class="notes">${escapeHtml(
      notes,
    )}</span></div></li>`;
  });
  return rows.length === 0 ? "" : `<ul class="props">${rows.join("")}</ul>`;
};

const credentialOf = (operation: OpenApiOperation): string[] => {
  const kinds = operation.security.flatMap((one) => Object.keys(one));
  if (kinds.includes("bearer")) return [`-H "authorization: Bearer $LONGSHORE_SECRET_KEY"`];
  if (kinds.includes("personal")) return [`-H "authorization: Bearer $LONGSHORE_PERSONAL_TOKEN"`];
  if (kinds.includes("agent")) return [`-H "authorization: Bearer $AGENT_TOKEN"`];
  return kinds.includes("session") ? [`-b "longshore_session=$SESSION"`] : [];
};

/** A request that can be pasted into a shell. */
const curlOf = ({ method, path, operation }: Route): string => {
  const schema = operation.requestBody?.content["application/json"].schema;
  const verb = method === "get" ? "" : method === "head" ? "-I " : `-X ${method.toUpperCase()} `;
  const address = `"$LONGSHORE_API_URL${path.replace(/\{(\w+)\}/g, (_, name: string) => `<${name}>`)}"`;
  const body =
    schema === undefined
      ? []
      : [
          `-H "content-type: application/json"`,
          `-d '${JSON.stringify(sampleOf(schema)).replace(/'/g, "'\\''")}'`,
        ];
  return [`curl ${verb}${address}`, ...credentialOf(operation), ...body].join(" \\\n  ");
};

const pathHtml = (path: string): string =>
  escapeHtml(path).replace(/\{(\w+)\}/g, (_, name: string) => `<i>{${name}}</i>`);

const searchText = ({ method, path, operation }: Route): string =>
  escapeHtml(`${method} ${path} ${operation.summary} ${operation["x-scope"] ?? ""}`.toLowerCase());

const routeHtml = (route: Route): string => {
  const { method, path, operation } = route;
  const body = operation.requestBody;
  const [status, done] = Object.entries(operation.responses)[0] ?? ["200", { description: "" }];
  const answer = done.content?.["application/json"].schema;
  return `<article id="${operation.operationId}" data-text="${searchText(route)}"><header>
<h3><a href="#${operation.operationId}">${escapeHtml(operation.summary)}</a></h3>
<div class="line"><span class="method ${method}">${method.toUpperCase()}</span><span class="path">${pathHtml(path)}</span></div>
<div class="tags">${accessHtml(operation)}</div></header>
${fold("Parameters", parametersHtml(operation), true)}
${fold(body?.required === false ? "Body (may be left out)" : "Body", body === undefined ? "" : schemaHtml(body.content["application/json"].schema))}
${fold(`Answer: ${status}`, answer === undefined ? "" : schemaHtml(answer))}
${fold("Example", `<pre>${escapeHtml(curlOf(route))}</pre>`)}</article>`;
};

const linkHtml = (route: Route): string =>
  `<a href="#${route.operation.operationId}" title="${escapeHtml(route.path)}" data-text="${searchText(route)}"><span class="method ${route.method}">${
    route.method === "delete" ? "DEL" : route.method.toUpperCase()
  }</span><span>${escapeHtml(route.operation.summary)}</span></a>`;

const intro = `<header><h2>How to call it</h2>
<p>Requests and answers are JSON. A credential goes into <code>authorization: Bearer …</code>: a secret key of an environment
(<code>tr_&lt;env&gt;_sk_…</code>), a public token, a run's own token, or, where it says so, a personal access token (<code>tr_pat_…</code>).
A restricted credential needs the scope that a route names, for everything of its type or for the one thing (<code>read:runs:run_…</code>).</p>
<p>An error is <code>{"error", "code", "requestId"}</code> with 400 and <code>issues</code> for a request that is malformed, 401 for a credential that
is not live, 403 for a missing scope, 404 for what is not there or is another environment's, 413, 415, 422 for what cannot be done, and 429. Limited
answers carry <code>x-ratelimit-limit</code>, <code>x-ratelimit-remaining</code> and <code>x-ratelimit-reset</code> (Unix milliseconds). The same as
a document: <a href="/openapi.json"><code>/openapi.json</code></a>.</p></header>`;

/** The reference of the API as one page that loads nothing else. Source: the OpenAPI document. */
export const referencePage = (document: OpenApiDocument): string => {
  const rooms = [...roomsOf(routesOf(document))];
  const links = rooms.map(
    ([name, routes]) => `<div data-room><h2>${escapeHtml(name)}</h2>${routes.map(linkHtml).join("")}</div>`,
  );
  const sections = rooms.map(
    ([name, routes]) =>
      `<section data-room><h2>${escapeHtml(name)}</h2>${routes.map(routeHtml).join("")}</section>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Longshore API reference</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>${referenceStyle}</style></head><body>
<aside><h1>Longshore API</h1><p class="sub">Reference, version ${escapeHtml(document.info.version)}</p>
<input type="search" aria-label="Filter routes" placeholder="Filter routes" hidden><nav aria-label="Routes">${links.join("")}</nav></aside>
<main>${intro}${sections.join("")}</main><script>${referenceScript}</script></body></html>`;
};

const hashSource = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
};

/** Lets the page's own style and script in, by their hashes, and nothing else from anywhere. */
export const referencePolicy = async (): Promise<string> =>
  [
    "default-src 'none'",
    `style-src ${await hashSource(referenceStyle)}`,
    `script-src ${await hashSource(referenceScript)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
