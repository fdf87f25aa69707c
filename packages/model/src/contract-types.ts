import type { Contract, NameOfPattern } from "@milepost/protocol";
import type { BuiltInChannels } from "./built-in-channels.ts";
import type { BuiltInMethods } from "./built-in-methods.ts";
import type { OperationState } from "./operation-state.ts";

/** The channel names a contract allows. */
export type ChannelName<C extends Contract> = C extends { readonly channels: infer Channels }
  ? NameOfPattern<keyof Channels | keyof BuiltInChannels> & string
  : never;

/** The events of one channel and the data of each. */
export type EventsOf<C extends Contract, Name extends string> = EventsAt<C["channels"], Name>;

/** The event names of one channel. */
export type EventName<Events> = keyof Events & string;

type EventsAt<Channels, Name extends string> = string extends keyof Channels
  ? Channels[keyof Channels]
  : Name extends unknown
    ? Narrowest<Channels, keyof Channels | keyof BuiltInChannels, Name> &
        Narrowest<BuiltInChannels, keyof Channels | keyof BuiltInChannels, Name>
    : never;

/** What the narrowest of the patterns that a name fits says, as the narrowest holds at the gateway. */
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

/** The kinds of operation a contract allows. */
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

/** What an operation of this kind is asked to do. */
export type OperationInput<C extends Contract, Kind extends string> = OperationPart<
  C,
  Kind,
  "input"
>;

/** What an operation of this kind comes to. */
export type OperationResult<C extends Contract, Kind extends string> = OperationPart<
  C,
  Kind,
  "result"
>;

/** The ids the steps of an operation of this kind may have. */
export type StepName<C extends Contract, Kind extends string> = OperationNames<C, Kind, "steps">;

/** The names the text streams of an operation of this kind may have. */
export type TextName<C extends Contract, Kind extends string> = OperationNames<C, Kind, "texts">;

/** The state of an operation: its `kind` tells which input and result it has. */
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

/** The method names a contract allows: those it names and those built in, or any where it names none. */
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

/** The parameters of a method, as callers give them; unknown where the contract does not tell. */
export type ParamsOf<C extends Contract, Name extends string> = MethodPart<C, Name, "params">;

/** The result of a method, as callers get it; unknown where the contract does not tell. */
export type ResultOf<C extends Contract, Name extends string> = MethodPart<C, Name, "result">;
