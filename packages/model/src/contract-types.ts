import type { Contract, NameOfPattern } from "@milepost/protocol";
import type { BuiltInChannels } from "./built-in-channels.ts";
import type { BuiltInMethods } from "./built-in-methods.ts";
import type { OperationState } from "./operation-state.ts";

/** Channel names that a contract allows. */
export type ChannelName<C extends Contract> = C extends { readonly channels: infer Channels }
  ? NameOfPattern<keyof Channels | keyof BuiltInChannels> & string
  : never;

/** Events of one channel, each with the type of its data. */
export type EventsOf<C extends Contract, Name extends string> = EventsAt<C["channels"], Name>;

/** Event names of one channel. */
export type EventName<Events> = keyof Events & string;

type EventsAt<Channels, Name extends string> = string extends keyof Channels
  ? Channels[keyof Channels]
  : Name extends unknown
    ? Narrowest<Channels, keyof Channels | keyof BuiltInChannels, Name> &
        Narrowest<BuiltInChannels, keyof Channels | keyof BuiltInChannels, Name>
    : never;

/** Events of the narrowest pattern that a name matches. The gateway uses the narrowest pattern too. */
type Narrowest<Channels, Patterns, Name extends string> = {
  [Pattern in keyof Channels as Name extends NameOfPattern<Pattern>
    ? HasNarrower<NameOfPattern<Pattern>, Patterns, Name> extends true
      ? never
      : NameOfPattern<Pattern> & string
    : never]: Channels[Pattern];
} extends infer Fitting
  ? Name extends keyof Fitting
    ? Fitting[Name]
    : unknown
  : never;

type HasNarrower<Names, Patterns, Name> = true extends (
  Patterns extends unknown
    ? NameOfPattern<Patterns> extends Names
      ? Names extends NameOfPattern<Patterns>
        ? never
        : Name extends NameOfPattern<Patterns>
          ? true
          : never
      : never
    : never
)
  ? true
  : false;

/** Kinds of operation that a contract allows. */
export type OperationKind<C extends Contract> = C extends {
  readonly operations: infer Kinds extends object;
}
  ? keyof Kinds & string
  : string;

type OperationPart<
  C extends Contract,
  Kind extends string,
  Part extends "input" | "result",
> = C extends { readonly operations: infer Kinds extends object }
  ? Kind extends keyof Kinds
    ? Kinds[Kind] extends { readonly [P in Part]: infer Value }
      ? Value
      : unknown
    : unknown
  : unknown;

type OperationNames<
  C extends Contract,
  Kind extends string,
  Part extends "steps" | "texts",
> = C extends { readonly operations: infer Kinds extends object }
  ? Kind extends keyof Kinds
    ? Kinds[Kind] extends { readonly [P in Part]: infer Names extends string }
      ? Names
      : string
    : string
  : string;

/** Input of an operation of this kind. */
export type OperationInput<C extends Contract, Kind extends string> = OperationPart<
  C,
  Kind,
  "input"
>;

/** Result of an operation of this kind. */
export type OperationResult<C extends Contract, Kind extends string> = OperationPart<
  C,
  Kind,
  "result"
>;

/** Ids that the steps of an operation of this kind may have. */
export type StepName<C extends Contract, Kind extends string> = OperationNames<C, Kind, "steps">;

/** Names that the text streams of an operation of this kind may have. */
export type TextName<C extends Contract, Kind extends string> = OperationNames<C, Kind, "texts">;

/** State of an operation. Its `kind` determines the types of its input and result. */
export type OperationStateOf<
  C extends Contract,
  Kind extends OperationKind<C> = OperationKind<C>,
> = string extends Kind
  ? OperationState
  : Kind extends unknown
    ? Omit<OperationState, "kind" | "input" | "result"> & {
        readonly kind: Kind;
        readonly input?: OperationInput<C, Kind>;
        readonly result?: OperationResult<C, Kind>;
      }
    : never;

type Methods<C extends Contract> = C extends { readonly methods: infer Named extends object }
  ? Named
  : Record<never, never>;

/**
 * Method names that a contract allows: the contract's own methods and the built-in ones. Any name is allowed if
 * the contract declares no methods.
 */
export type MethodName<C extends Contract> = C extends { readonly methods: object }
  ? (keyof Methods<C> | keyof BuiltInMethods) & string
  : string;

type MethodPart<
  C extends Contract,
  Name extends string,
  Part extends "params" | "result",
> = Name extends keyof Methods<C>
  ? Methods<C>[Name] extends { readonly [P in Part]: infer Value }
    ? Value
    : unknown
  : C extends { readonly methods: object }
    ? Name extends keyof BuiltInMethods
      ? BuiltInMethods[Name][Part]
      : unknown
    : unknown;

/** Parameters of a method, as callers pass them; `unknown` if the contract does not declare them. */
export type ParamsOf<C extends Contract, Name extends string> = MethodPart<C, Name, "params">;

/** Result of a method, as callers receive it; `unknown` if the contract does not declare it. */
export type ResultOf<C extends Contract, Name extends string> = MethodPart<C, Name, "result">;
