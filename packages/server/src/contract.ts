import type { MethodAnswer, MethodCall, MethodDefinition, Methods, Rule } from "@milepost/core";
import type {
  AnyContract,
  AnyFormOfContract,
  Contract,
  ContractOf,
  DefinedContract,
  StandardSchema,
} from "@milepost/protocol";
import type { GatewayOptions } from "./gateway-options.ts";

/** Contract in the form that a gateway accepts. Besides its events, a channel may have the fields of a rule. */
export type GatewayContract = DefinedContract<
  | Readonly<
      Record<
        string,
        Partial<Omit<Rule, "pattern" | "schema">> & {
          readonly events: Readonly<Record<string, StandardSchema>>;
        }
      >
    >
  | undefined
>;

/** Options of a gateway with the contract `C`. */
export type OptionsOf<C extends AnyFormOfContract = AnyContract> = Omit<
  GatewayOptions,
  "contract" | "methods"
> & {
  readonly contract?: C & GatewayContract;
  readonly methods?: MethodsOf<ContractOf<C>>;
};

/** Handlers of the contract's methods; handlers of any methods if the contract names none. */
export type MethodsOf<C extends Contract> = C extends {
  readonly methods: infer Named extends object;
}
  ? { readonly [Name in keyof Named]?: ContractedMethod<Named[Name]> }
  : Methods;

/** Handler of a method, with the parameter and result types of the contract. */
export interface ContractedMethod<Method>
  extends Omit<MethodDefinition, "params" | "result" | "handler"> {
  handler(
    params: Handled<Method, "params">,
    call: MethodCall,
  ): MethodAnswer<Handled<Method, "result">>;
}

/**
 * Type of the parameters or the result as a handler sees them. A schema may convert, so callers may see another
 * type.
 */
type Handled<Method, Part extends "params" | "result"> = Method extends {
  readonly handler: { readonly [P in Part]: infer Value };
}
  ? Value
  : Method extends { readonly [P in Part]: infer Value }
    ? Value
    : unknown;
