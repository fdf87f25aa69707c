import type { EventName } from "@milepost/model";
import type { DefinedContract } from "@milepost/protocol";

export type {
  BuiltInChannels,
  BuiltInMethods,
  ChannelName,
  EventName,
  EventsOf,
  MethodName,
  OperationKind,
  OperationStateOf,
  ParamsOf,
  ResultOf,
} from "@milepost/model";
export type {
  AnyContract,
  AnyFormOfContract,
  Contract,
  ContractOf,
  DefinedContract,
} from "@milepost/protocol";

/** Event published to a channel, as a union over the channel's event names. */
export type ChannelEvent<Events = Record<string, unknown>> = {
  [Name in EventName<Events>]: {
    readonly channel: string;
    /**
     * Channel the entry was published to, when the subscription is for everything below a prefix
     * (`collection:42:*`).
     */
    readonly source?: string;
    /** Position of the entry, opaque; pass it as `since` to continue after it. */
    readonly position: string;
    readonly event: Name;
    readonly data: Events[Name];
    /** Time of the append, in milliseconds since 1970. For information only: positions define the order. */
    readonly ts: number;
    /** Signature of the publisher, for `verifyPublication` of the protocol; absent on a merged event. */
    readonly sig?: string;
    /**
     * Publisher whose credential the gateway verified: `user:{id}`, `session:{id}`, `guest:{id}` or `service:{name}`, ids
     * as in channel names; absent unless the channel's rule shows publishers.
     */
    readonly publisher?: string;
    /** W3C trace context of the publish; absent where it is not traced. A span of what is rendered belongs below it. */
    readonly traceparent?: string;
  };
}[EventName<Events>];

/** Option that gives a client the types of a contract; its value is not read. */
export interface ContractOption<C> {
  readonly contract?: C & DefinedContract;
}
