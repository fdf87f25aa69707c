"use client";
import type {
  AnyContract,
  AnyFormOfContract,
  ChannelName,
  Client,
  Contract,
  ContractOf,
  DefinedContract,
  EventsOf,
  OperationHandle,
  OperationKind,
  OperationStateOf,
  OperationView,
} from "@milepost/client";
import type { PresenceView } from "@milepost/client/presence";
import type { ChannelView, UseChannelOptions } from "./channel-view.ts";
import { useClient } from "./provider.tsx";
import { useChannel } from "./use-channel.ts";
import { type UsedOperation, useOperation } from "./use-operation.ts";
import { usePresence } from "./use-presence.ts";
import { type UsedTyping, useTyping } from "./use-typing.ts";

/** The hooks that depend on a contract, with its types. */
export interface Hooks<C extends Contract> {
  readonly useClient: () => Client<C>;
  /** As `useChannel`: the events are those of the channel. */
  useChannel<Name extends ChannelName<C>, State = undefined>(
    name: Name | undefined,
    options?: UseChannelOptions<EventsOf<C, Name>, State>,
  ): ChannelView<EventsOf<C, Name>, State>;
  /** As `useOperation`: the state's `kind` tells its input and result; a handle made with a kind is of that kind. */
  useOperation<Kind extends OperationKind<C> = OperationKind<C>>(
    operation: string | OperationHandle<OperationStateOf<C, Kind>>,
  ): UsedOperation<OperationView<OperationStateOf<C, Kind>>>;
  useOperation<Part, Kind extends OperationKind<C> = OperationKind<C>>(
    operation: string | OperationHandle<OperationStateOf<C, Kind>>,
    select: (view: OperationView<OperationStateOf<C, Kind>>) => Part,
  ): UsedOperation<Part>;
  readonly usePresence: {
    (channel: ChannelName<C> | undefined): PresenceView;
    <Part>(channel: ChannelName<C> | undefined, select: (view: PresenceView) => Part): Part;
  };
  useTyping(channel: ChannelName<C> | undefined): UsedTyping;
}

const hooks = { useClient, useChannel, useOperation, usePresence, useTyping };

/**
 * The hooks with the types of a contract, made once beside it:
 *
 * ```ts
 * export const { useClient, useChannel, useOperation } = createHooks<typeof contract>();
 * ```
 *
 * They are the same functions, below the same provider; the contract's value may be given instead of its type.
 */
export function createHooks<C extends AnyFormOfContract = AnyContract>(
  _contract?: C & DefinedContract,
): Hooks<ContractOf<C>> {
  // A hook does not look at types: what a channel carries is the contract's word.
  return hooks as unknown as Hooks<ContractOf<C>>;
}
