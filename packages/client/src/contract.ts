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

/** A contract for its types. */
export interface ContractOption<C> {
  readonly contract?: C & DefinedContract;
}
