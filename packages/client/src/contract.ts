import type { Notification, OperationEvents, OperationSummary } from "@milepost/model";

/**
 * What an application's channels and methods carry, as types only.
 *
 * `channels` maps channel names, most usefully templates, to their events and the data of each:
 *
 * ```ts
 * interface Shop {
 *   channels: { [name: `chat:${string}`]: { message: { text: string } } };
 * }
 * ```
 */
export interface Contract {
  readonly channels: object;
  /** Method names to `{params, result}`, beyond those built in. */
  readonly methods?: object;
}

/** The contract of a client that was given none: any channel, any event, any data. */
export interface AnyContract {
  readonly channels: Record<string, Record<string, unknown>>;
  readonly methods: Record<string, { params: unknown; result: unknown }>;
}

/** The channels that every deployment has. */
export interface BuiltInChannels {
  [name: `operation:${string}`]: OperationEvents;
  [name: `session:${string}`]: { operation: OperationSummary; notification: Notification };
  [name: `user:${string}`]: { operation: OperationSummary; notification: Notification };
}

/** The channel names a contract allows. */
export type ChannelName<C extends Contract> = (keyof C["channels"] | keyof BuiltInChannels) &
  string;

/** The events of one channel and the data of each. */
export type EventsOf<C extends Contract, Name extends string> = Name extends keyof C["channels"]
  ? C["channels"][Name]
  : Name extends keyof BuiltInChannels
    ? BuiltInChannels[Name]
    : never;

/** The event names of one channel. */
export type EventName<Events> = keyof Events & string;

/** One publication of a channel, by event name. */
export type ChannelEvent<Events = Record<string, unknown>> = {
  [Name in EventName<Events>]: {
    readonly channel: string;
    /** With everything below a prefix (`collection:42:*`): the channel it was published to. */
    readonly source?: string;
    /** Where it stands; hand it back as `since` to go on from here. Opaque. */
    readonly position: string;
    readonly event: Name;
    readonly data: Events[Name];
    /** When it was appended, in milliseconds since 1970. It informs; only positions order. */
    readonly ts: number;
  };
}[EventName<Events>];

type MethodsOf<C extends Contract> = C["methods"] extends object
  ? C["methods"]
  : Record<never, never>;

/** The method names a contract allows; built-in ones are strings of their own, so any is allowed. */
export type MethodName<C extends Contract> = (keyof MethodsOf<C> & string) | (string & {});

/** The parameters of a method, unknown when the contract does not tell. */
export type ParamsOf<C extends Contract, Name extends string> = Name extends keyof MethodsOf<C>
  ? MethodsOf<C>[Name] extends { params: infer Params }
    ? Params
    : unknown
  : unknown;

/** The result of a method, unknown when the contract does not tell. */
export type ResultOf<C extends Contract, Name extends string> = Name extends keyof MethodsOf<C>
  ? MethodsOf<C>[Name] extends { result: infer Result }
    ? Result
    : unknown
  : unknown;
