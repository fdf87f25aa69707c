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

/** Hooks that depend on a contract, with its types. */
export interface Hooks<C extends Contract> {
  readonly useClient: () => Client<C>;
  /** Like {@link useChannel}, with the events of the channel. */
  useChannel<Name extends ChannelName<C>, State = undefined>(
    name: Name | null | undefined,
    options?: UseChannelOptions<EventsOf<C, Name>, State>,
  ): ChannelView<EventsOf<C, Name>, State>;
  /**
   * Like {@link useOperation}. The state's `kind` determines the types of its input and result. A handle that
   * was made with a kind has the types of that kind.
   */
  useOperation<Kind extends OperationKind<C> = OperationKind<C>>(
    operation: string | OperationHandle<OperationStateOf<C, Kind>> | null | undefined,
  ): UsedOperation<OperationView<OperationStateOf<C, Kind>>>;
  useOperation<Part, Kind extends OperationKind<C> = OperationKind<C>>(
    operation: string | OperationHandle<OperationStateOf<C, Kind>> | null | undefined,
    select: (view: OperationView<OperationStateOf<C, Kind>>) => Part,
  ): UsedOperation<Part>;
  readonly usePresence: {
    (channel: ChannelName<C> | null | undefined): PresenceView;
    <Part>(channel: ChannelName<C> | null | undefined, select: (view: PresenceView) => Part): Part;
  };
  useTyping(channel: ChannelName<C> | null | undefined): UsedTyping;
}

const hooks = { useClient, useChannel, useOperation, usePresence, useTyping };

/**
 * Returns the hooks with the types of a contract. Call it once, in the module that defines the contract or next
 * to it:
 *
 * ```ts
 * export const { useClient, useChannel, useOperation } = createHooks<typeof contract>();
 * ```
 *
 * The hooks are the same functions and use the same provider. The contract's value may be passed instead of its
 * type.
 */
export function createHooks<C extends AnyFormOfContract = AnyContract>(
  _contract?: C & DefinedContract,
): Hooks<ContractOf<C>> {
  // Hooks do not check types at run time; the contract alone defines what a channel carries.
  return hooks as unknown as Hooks<ContractOf<C>>;
}
