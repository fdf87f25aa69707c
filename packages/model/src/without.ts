/** Returns the object without the named fields, or the object itself if it has none of them. */
export function without<T extends object, K extends keyof T>(
  object: T,
  ...names: readonly K[]
): Omit<T, K> {
  if (!names.some((name) => Object.hasOwn(object, name))) return object;
  const rest = { ...object };
  for (const name of names) delete rest[name];
  return rest;
}
