/** A thing a scope may name. Shape: type and, where the scope can be narrowed to it, id. */
export type Resource = { type: string; id?: string };

const grants = (scope: string, action: string, resource: Resource): boolean => {
  if (scope === "admin") return true;
  const [scopeAction, type, ...rest] = scope.split(":");
  if (scopeAction !== action && scopeAction !== "*" && scopeAction !== "admin") return false;
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
