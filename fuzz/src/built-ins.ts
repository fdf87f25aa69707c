const prototypes = {
  Object: Object.prototype,
  Array: Array.prototype,
  Function: Function.prototype,
  String: String.prototype,
  Number: Number.prototype,
  Map: Map.prototype,
  Set: Set.prototype,
  Promise: Promise.prototype,
  Error: Error.prototype,
};

/** Returns the names of everything that the built-in prototypes have, to compare them later. */
export function builtIns(): string {
  const names = Object.entries(prototypes).map(([name, prototype]) => [
    name,
    Reflect.ownKeys(prototype).map(String).toSorted(),
  ]);
  return JSON.stringify(names);
}
