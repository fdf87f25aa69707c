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

/** A contract as a gateway takes it: what a channel says besides its events is what a rule may say. */
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

/** What a gateway of a contract is made of. */
export type OptionsOf<C extends AnyFormOfContract = AnyContract> = Omit<
  GatewayOptions,
  "contract" | "methods"
> & {
  readonly contract?: C & GatewayContract;
  readonly methods?: MethodsOf<ContractOf<C>>;
};

/** The handlers of a contract's methods; any methods where the contract names none. */
export type MethodsOf<C extends Contract> = C extends {
  readonly methods: infer Named extends object;
}
  ? { readonly [Name in keyof Named]?: ContractedMethod<Named[Name]> }
  : Methods;

/** A method whose parameters and result are the contract's. */
export interface ContractedMethod<Method>
  extends Omit<MethodDefinition, "params" | "result" | "handler"> {
  handler(
    params: Handled<Method, "params">,
    call: MethodCall,
  ): MethodAnswer<Handled<Method, "result">>;
}

/** What a handler gets and gives: schemas may make something else of what callers give and get. */
type Handled<Method, Part extends "params" | "result"> = Method extends {
  readonly handler: { readonly [P in Part]: infer Value };
}
  ? Value
  : Method extends { readonly [P in Part]: infer Value }
    ? Value
    : unknown;
