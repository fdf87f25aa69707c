import { type DefinedContract, MilepostError } from "@milepost/protocol";
import type { MethodDefinition, Methods } from "../../requests/method.ts";
import { MethodRegistry } from "../../requests/method-registry.ts";

/**
 * Returns the methods, with the contract's schemas added to those that the contract names. The handler of such
 * a method is registered for its name or for a prefix of its name. Other methods stay unchanged.
 *
 * Throws `bad_message` with the name of a method of the contract that has no handler.
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
