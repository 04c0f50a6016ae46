export type Json = null | boolean | number | string | readonly Json[] | JsonMembers;
export type JsonMembers = { readonly [name: string]: Json };

const isMembers = (it: Json | undefined): it is JsonMembers => typeof it === 'object' && it !== null && !Array.isArray(it);

/** JSON Merge Patch (RFC 7386): null removes, objects are merged member by member, everything else replaces. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  return isMembers(patch) ? mergeMembers(isMembers(target) ? target : {}, patch) : patch;
}

/** As `mergePatch`, for two objects. */
export function mergeMembers(target: JsonMembers, patch: JsonMembers): JsonMembers {
  const merged = new Map(Object.entries(target));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** One member of a patch that replaces as a whole: absent keeps, null removes. */
export const mergeMember = <T>(current: T | undefined, patch: T | null | undefined): T | undefined =>
  patch === undefined ? current : (patch ?? undefined);
