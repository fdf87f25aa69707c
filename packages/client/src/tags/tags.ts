import { encodeId, isChannelSegment, MilepostError } from "@milepost/protocol";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import type { IdentitySource } from "../connection/identity.ts";
import type { AnyContract, Contract } from "../contract.ts";
import { LiveOperationList } from "../operation/live-operation-list.ts";
import type { OperationListHandle, OperationListView } from "../operation/operation.ts";

export type { OperationListHandle, OperationListView } from "../operation/operation.ts";

/** Choice of operations by a tag. */
export interface TaggedOptions {
  readonly tag: string;
  /** Id of the user whose operations they are. Default: the user of the client's credential. */
  readonly user?: string;
}

const lists = new WeakMap<object, Map<string, WeakRef<TaggedOperations>>>();

/**
 * Returns the operations of a user with a tag, newest first, at most the 100 that changed last; live while subscribed. The
 * view is an `error` if the client may not read them, or has no user and none is named.
 *
 * Calls with the same client, user and tag return the same object. Throws `invalid_channel` for a tag that no operation
 * can have.
 */
export function taggedOperations<C extends Contract = AnyContract>(
  client: Client<C>,
  { tag, user }: TaggedOptions,
): OperationListHandle {
  if (!isChannelSegment(tag)) {
    throw new MilepostError("invalid_channel", `"${tag}" cannot be the tag of an operation`);
  }
  const channel = user === undefined ? undefined : `user:${encodeId(user)}`;
  const ofClient = lists.get(client) ?? new Map<string, WeakRef<TaggedOperations>>();
  lists.set(client, ofClient);
  const name = `${channel ?? ""}:tag:${tag}`;
  const known = ofClient.get(name)?.deref();
  if (known !== undefined) return known;
  for (const [other, list] of ofClient) if (list.deref() === undefined) ofClient.delete(other);
  // Internally events are unknown data; the caller's contract provides their types.
  const list = new TaggedOperations(client as unknown as Client, tag, channel);
  ofClient.set(name, new WeakRef(list));
  return list;
}

class TaggedOperations implements OperationListHandle {
  readonly #list: LiveOperationList;

  constructor(client: Client, tag: string, channel: string | undefined) {
    this.#list = new LiveOperationList({
      // Any valid name will do: the reporter is the client's.
      reporter: reporterOf(client.channel("tags")),
      identity: taggedIdentity(client, tag, channel),
      subscribe: (name, handlers, options) => client.channel(name).subscribe(handlers, options),
    });
  }

  get view(): OperationListView {
    return this.#list.view;
  }

  getSnapshot(): OperationListView {
    return this.#list.view;
  }

  subscribe(listener: () => void): () => void {
    return this.#list.subscribe(listener);
  }
}

/** Returns the client's identity with the channel of the tag in place of those of its user and session. */
function taggedIdentity(client: Client, tag: string, channel: string | undefined): IdentitySource {
  const tagged = (state: Client["state"]): Client["state"] => {
    if (state.state !== "connected") return state;
    const user = channel ?? state.userChannel;
    const userChannel = user === undefined ? undefined : `${user}:tag:${tag}`;
    return { ...state, userChannel, sessionChannel: undefined };
  };
  return {
    get state() {
      return tagged(client.state);
    },
    onState: (listener) => client.onState((state) => listener(tagged(state))),
    connect: () => client.connect(),
  };
}
