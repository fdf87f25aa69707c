import { type DefinedContract, MilepostError } from "@milepost/protocol";
import type { MethodDefinition, Methods } from "../../requests/method.ts";
import { MethodRegistry } from "../../requests/method-registry.ts";

/**
 * Returns the methods with the schemas of a contract. A contract's method may have a handler of its own, or one
 * registered for the beginning of its name. Methods that the contract does not name stay unchanged.
 *
 * Throws `bad_message` that names a method of the contract without a handler.
 */
export function contractedMethods(
  methods: Methods,
  contracted: DefinedContract["methods"],
): Methods {
  const registry = new MethodRegistry(methods);
  const named = Object.entries(contracted ?? {}).map(([name, { params, result }]) => {
    const definition = registry.find(name);
    if (definition === undefined) {
      throw new MilepostError(
        "bad_message",
        `no handler answers the contract's method ${name}; register one`,
      );
    }
    const checked: MethodDefinition = {
      ...definition,
      handler: (input, call) => definition.handler(input, call),
      ...(params === undefined ? {} : { params }),
      ...(result === undefined ? {} : { result }),
    };
    return [name, checked] as const;
  });
  return { ...methods, ...Object.fromEntries(named) };
}
