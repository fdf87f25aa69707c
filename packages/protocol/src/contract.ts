import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard-schema.ts";

/**
 * What an application's channels, operations and methods carry, as types only.
 *
 * A part that is left out is open: anything of it is allowed, and its data is unknown. `channels` maps
 * patterns (`chat:{chat}`), or types of names (`chat:${string}`), to their events and the data of each:
 *
 * ```ts
 * interface Shop {
 *   channels: { "chat:{chat}": { message: { text: string } } };
 *   operations: { export: { input: { from: string }; result: { rows: number }; steps: "read" | "write" } };
 *   methods: { "cart.total": { params: { cart: string }; result: { cents: number } } };
 * }
 * ```
 *
 * `defineContract` makes one that is checked at run time as well.
 */
export interface Contract {
  readonly channels: object;
  /** Kinds of operation to `{input, result, steps, texts}`, each of which may be left out. */
  readonly operations?: object;
  /** Method names to `{params, result}`, beyond those built in. */
  readonly methods?: object;
}

/** The contract of whoever was given none: any channel, any event, any data. */
export interface AnyContract {
  readonly channels: Record<string, Record<string, unknown>>;
}

/** One kind of channel: its events, and what a rule says of it. */
export interface ContractChannel {
  /**
   * Event names to the schema of their data; `*` is every other event. A log keeps what was sent: schemas check
   * data and do not convert it, so readers get what a schema takes, not what it makes of it.
   */
  readonly events: Readonly<Record<string, StandardSchema>>;
  /** Fields of a rule (`retention`, `subscribe`, `publish`, …); the gateway knows which there are. */
  readonly [setting: string]: unknown;
}

/** One kind of operation; its log too keeps what was sent. */
export interface ContractOperation {
  readonly input?: StandardSchema;
  readonly result?: StandardSchema;
  /** The ids its steps may have; a promise of the types, since new steps may come up at any time. */
  readonly steps?: readonly string[];
  /** The names its text streams may have; a promise of the types too. */
  readonly texts?: readonly string[];
}

/** One method. Its handler gets what the schema makes of the parameters, its caller what it makes of the result. */
export interface ContractMethod {
  readonly params?: StandardSchema;
  readonly result?: StandardSchema;
}

/** The channels of a contract by pattern: `chat:{chat}`, `collection:{collection}:*`. */
export type ContractChannels = Readonly<Record<string, ContractChannel>>;

/** The operations of a contract by kind; `*` is every other kind. */
export type ContractOperations = Readonly<Record<string, ContractOperation>>;

/** The methods of a contract by name. */
export type ContractMethods = Readonly<Record<string, ContractMethod>>;

/** A contract that is also there at run time; a part that it leaves out is undefined. */
export interface DefinedContract<
  Channels extends ContractChannels | undefined = ContractChannels | undefined,
  Operations extends ContractOperations | undefined = ContractOperations | undefined,
  Methods extends ContractMethods | undefined = ContractMethods | undefined,
> {
  readonly "~milepost": "contract";
  readonly channels: Channels;
  readonly operations: Operations;
  readonly methods: Methods;
}

/** Either form of a contract. */
export type AnyFormOfContract = Contract | DefinedContract;

/** The types of a contract, whichever form it has. */
export type ContractOf<C extends AnyFormOfContract> = C extends {
  readonly "~milepost": "contract";
  readonly channels: infer Channels;
  readonly operations: infer Operations;
  readonly methods: infer Methods;
}
  ? Open<{
      readonly channels: Channels extends object ? ChannelTypes<Channels> : AnyContract["channels"];
      readonly operations: Operations extends object ? OperationTypes<Operations> : undefined;
      readonly methods: Methods extends object ? MethodTypes<Methods> : undefined;
    }>
  : C extends Contract
    ? C
    : never;

/** Without the parts that a contract leaves out. */
type Open<Parts extends { readonly channels: object }> = {
  [Part in keyof Parts as Parts[Part] extends object ? Part : never]: Parts[Part];
} & Pick<Parts, "channels">;

/**
 * The names that a pattern stands for. A type cannot say "without a colon", so `chat:{chat}` also takes
 * `chat:1:2`; the gateway does not.
 */
export type NameOfPattern<Pattern> = Pattern extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${NameOfPattern<After>}`
  : Pattern extends `${infer Before}*`
    ? `${Before}${string}`
    : Pattern;

type EventsIn<Channel> = Channel extends { readonly events: infer Events } ? Events : never;
type AnyName<Name> = Name extends "*" ? string : Name;

type ChannelTypes<Channels> = {
  readonly [Pattern in keyof Channels]: {
    readonly [Event in keyof EventsIn<Channels[Pattern]> as AnyName<Event>]: SchemaInput<
      EventsIn<Channels[Pattern]>[Event]
    >;
  };
};

type Field<Of, Name extends string> = Of extends { readonly [N in Name]: infer Value }
  ? Value
  : undefined;
type NamesIn<List> = List extends readonly (infer Name extends string)[] ? Name : string;

type OperationTypes<Operations> = {
  readonly [Kind in keyof Operations as AnyName<Kind>]: {
    readonly input: SchemaInput<Field<Operations[Kind], "input">>;
    readonly result: SchemaInput<Field<Operations[Kind], "result">>;
    readonly steps: NamesIn<Field<Operations[Kind], "steps">>;
    readonly texts: NamesIn<Field<Operations[Kind], "texts">>;
  };
};

type MethodTypes<Methods> = {
  readonly [Name in keyof Methods]: {
    readonly params: SchemaInput<Field<Methods[Name], "params">>;
    readonly result: SchemaOutput<Field<Methods[Name], "result">>;
    readonly handler: {
      readonly params: SchemaOutput<Field<Methods[Name], "params">>;
      readonly result: SchemaInput<Field<Methods[Name], "result">>;
    };
  };
};
