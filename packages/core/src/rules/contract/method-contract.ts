import { type DefinedContract, MilepostError } from "@milepost/protocol";
import type { MethodDefinition, Methods } from "../../requests/method.ts";
import { MethodRegistry } from "../../requests/method-registry.ts";

/**
 * The methods with the schemas of a contract, whoever answers them: a handler of their own, or one for the beginning
 * of their names. Methods that the contract does not name stay as they are.
 *
 * Throws `bad_message` that names a method of the contract that nobody answers.
 */
export function contractedMethods(
  methods: Methods,
  contracted: DefinedContract["methods"],
): Methods {
  const registry = new MethodRegistry(methods);
  const named = Object.entries(contracted ?? {}).map(([name, { params, result }]) => {
    const definition = registry.find(name);
    if (definition === undefined) {
      throw new MilepostError("bad_message", `nothing answers the contract's method ${name}`);
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
