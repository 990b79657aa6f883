/** A thing a scope may name. Shape: type and, where the scope can be narrowed to it, id. */
export type Resource = { type: string; id?: string };

/** Whoever may write tasks may start them. */
const implied: Record<string, readonly string[]> = { "write:tasks": ["trigger", "batchTrigger"] };

const allowsAction = (action: string, type: string | undefined, wanted: string): boolean =>
  action === wanted ||
  action === "*" ||
  action === "admin" ||
  (implied[`${action}:${type}`] ?? []).includes(wanted);

const grants = (scope: string, action: string, resource: Resource): boolean => {
  if (scope === "admin") return true;
  const [scopeAction = "", type, ...rest] = scope.split(":");
  if (!allowsAction(scopeAction, type, action)) return false;
  if (type === "all") return true;
  if (type !== resource.type) return false;
  return rest.length === 0 || rest.join(":") === resource.id;
};

/**
 * Whether any scope grants the action on any of the resources a route lists. `null` scopes are those of an
 * unrestricted key. Source: the client wire contract, 2.3.
 */
export const isGranted = (
  scopes: readonly string[] | null,
  action: string,
  resources: readonly Resource[],
): boolean =>
  scopes === null || scopes.some((scope) => resources.some((resource) => grants(scope, action, resource)));

/** What else names a run: its task, its tags, its batch. */
const alternatives: Record<string, readonly string[]> = { runs: ["tasks", "tags", "batch"] };

/**
 * Whether any scope could grant a route's scope for some resource: what can be refused before the body is read. The
 * verb still asks for the resource itself.
 */
export const couldBeGranted = (scopes: readonly string[] | null, routeScope: string): boolean => {
  if (scopes === null) return true;
  const [action = "", type = ""] = routeScope.split(":");
  const types = ["all", type, ...(alternatives[type] ?? [])];
  return scopes.some((scope) => {
    if (scope === "admin") return true;
    const [scopeAction = "", scopeType = ""] = scope.split(":");
    return types.includes(scopeType) && allowsAction(scopeAction, scopeType, action);
  });
};

/** Whether one who holds `held` may hand out `wanted`: nobody gives more than they have. */
const covers = (held: readonly string[], wanted: string): boolean => {
  if (held.includes("admin")) return true;
  const [action = "", type, ...rest] = wanted.split(":");
  if (type === undefined) return held.includes(wanted);
  const isBroad = action === "*" || action === "admin";
  return held.some((scope) => {
    const [heldAction = "", heldType, ...heldRest] = scope.split(":");
    const acts = isBroad
      ? heldAction === "*" || heldAction === "admin"
      : allowsAction(heldAction, heldType, action);
    if (!acts) return false;
    if (heldType === "all") return true;
    return heldType === type && (heldRest.length === 0 || heldRest.join(":") === rest.join(":"));
  });
};

/** Those of the wanted scopes that the holder cannot hand out. `null` held: an unrestricted key. */
export const scopesBeyond = (held: readonly string[] | null, wanted: readonly string[]): string[] =>
  held === null ? [] : wanted.filter((scope) => !covers(held, scope));

/** Named sets of scopes for keys. `null`: unrestricted. */
export const scopePresets = {
  full: null,
  "trigger-only": ["trigger:tasks", "batchTrigger:tasks"],
  "read-only": ["read:all"],
} as const satisfies Record<string, readonly string[] | null>;
