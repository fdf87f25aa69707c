import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard-schema.ts";

/**
 * Types of an application's channels, operations and methods, without run-time checks.
 *
 * If a contract leaves out a part, that part allows any name, and its data has the type `unknown`. `channels`
 * maps patterns (`chat:{chat}`), or types of names (`chat:${string}`), to their events and the data of each:
 *
 * ```ts
 * interface Shop {
 *   channels: { "chat:{chat}": { message: { text: string } } };
 *   operations: { export: { input: { from: string }; result: { rows: number }; steps: "read" | "write" } };
 *   methods: { "cart.total": { params: { cart: string }; result: { cents: number } } };
 * }
 * ```
 *
 * `defineContract` makes a contract that is also checked at run time.
 */
export interface Contract {
  readonly channels: object;
  /** Kinds of operations, each mapped to `{input, result, steps, texts}`; each of these may be left out. */
  readonly operations?: object;
  /** Method names, each mapped to `{params, result}`, in addition to the built-in methods. */
  readonly methods?: object;
}

/** Default contract of code that names none: any channel, any event, any data. */
export interface AnyContract {
  readonly channels: Record<string, Record<string, unknown>>;
}

/** One kind of channel in a contract: its events, and the settings of its rule. */
export interface ContractChannel {
  /**
   * Event names, each mapped to the schema of its data; `*` stands for every other event. Schemas check data
   * and do not convert it, because the log keeps what was sent. Subscribers therefore receive the input type of
   * a schema.
   */
  readonly events: Readonly<Record<string, StandardSchema>>;
  /**
   * Fields of the channel's rule (`retention`, `subscribe`, `publish`, …). The gateway refuses unknown fields.
   */
  readonly [setting: string]: unknown;
}

/**
 * One kind of operation in a contract. The operation's log keeps the data as it was sent, so the schemas check
 * data and do not convert it.
 */
export interface ContractOperation {
  readonly input?: StandardSchema;
  readonly result?: StandardSchema;
  /**
   * Ids of the operation's steps. Only the compiler uses them; the gateway does not check them, because new
   * steps may appear at run time.
   */
  readonly steps?: readonly string[];
  /** Names of the operation's text streams. Only the compiler uses them. */
  readonly texts?: readonly string[];
  /** Commands of the kind's own, each mapped to the schema of its arguments. */
  readonly commands?: Readonly<Record<string, StandardSchema>>;
}

/**
 * One method in a contract. The handler of the method receives the output of the `params` schema. The caller
 * receives the output of the `result` schema.
 */
export interface ContractMethod {
  readonly params?: StandardSchema;
  readonly result?: StandardSchema;
}

/** Channels of a contract by pattern: `chat:{chat}`, `collection:{collection}:*`. */
export type ContractChannels = Readonly<Record<string, ContractChannel>>;

/** Operations of a contract by kind; `*` stands for every other kind. */
export type ContractOperations = Readonly<Record<string, ContractOperation>>;

/** Methods of a contract by name. */
export type ContractMethods = Readonly<Record<string, ContractMethod>>;

/**
 * A contract that exists at run time, as `defineContract` returns it. A part that the definition leaves out is
 * undefined.
 */
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

/** A contract in either form: types only, or defined at run time. */
export type AnyFormOfContract = Contract | DefinedContract;

/** Types of a contract in either form. */
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

/** `Parts` without the parts that a contract leaves out; `channels` always stays. */
type Open<Parts extends { readonly channels: object }> = {
  [Part in keyof Parts as Parts[Part] extends object ? Part : never]: Parts[Part];
} & Pick<Parts, "channels">;

/**
 * Channel names that match a pattern. A type cannot say "without a colon", so `chat:{chat}` also accepts
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
