import type { PresenceList } from "@milepost/protocol";
import type { Clock } from "../ports/clock.ts";
import type {
  Presence,
  PresenceListener,
  PresenceStanding,
  PresenceUpdate,
} from "../ports/presence.ts";
import type { Random } from "../ports/random.ts";
import { PresenceRoom, type RoomStep } from "./presence-room.ts";

const epochLength = 8;
const nothing: PresenceUpdate = { ttlMs: 0 };
const nobody: PresenceList = { epoch: "", version: 0, members: [], count: 0, typing: [] };

/**
 * Presence of all channels in the memory of one process. Each node has a {@link connect connection} of its own.
 */
export class MemoryPresences {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #rooms = new Map<string, PresenceRoom>();
  readonly #nodes = new Set<MemoryPresence>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Returns the presence port of one node. */
  connect(): Presence {
    const node = new MemoryPresence(this);
    this.#nodes.add(node);
    return node;
  }

  /** Applies an update to a channel's presence in one atomic step, and notifies all nodes within that step. */
  update(channel: string, holder: string, update: PresenceUpdate): PresenceStanding {
    let room = this.#rooms.get(channel);
    if (room === undefined) {
      if ((update.enter?.length ?? 0) === 0) {
        const strangers = (update.typing ?? []).map(({ id }) => id);
        return { epoch: "", version: 0, held: 0, strangers };
      }
      room = new PresenceRoom(this.#random.id(epochLength));
      this.#rooms.set(channel, room);
    }
    return this.#step(channel, room, holder, update).standing;
  }

  read(channel: string): PresenceList {
    const room = this.#rooms.get(channel);
    if (room === undefined) return nobody;
    this.#step(channel, room, "", nothing);
    return room.isEmpty ? nobody : room.list;
  }

  #step(channel: string, room: PresenceRoom, holder: string, update: PresenceUpdate): RoomStep {
    const at = { monotonic: this.#clock.monotonic(), now: this.#clock.now() };
    const step = room.update(holder, update, at);
    if (room.isEmpty) this.#rooms.delete(channel);
    if (step.broadcast !== undefined) {
      for (const node of this.#nodes) node.tell({ channel, ...step.broadcast });
    }
    return step;
  }
}

/** Presence port of one node. */
class MemoryPresence implements Presence {
  readonly #all: MemoryPresences;
  readonly #channels = new Set<string>();
  #listener: PresenceListener | undefined;

  constructor(all: MemoryPresences) {
    this.#all = all;
  }

  listen(listener: PresenceListener): void {
    this.#listener = listener;
  }

  async subscribe(channel: string): Promise<void> {
    this.#channels.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#channels.delete(channel);
  }

  async update(channel: string, holder: string, update: PresenceUpdate): Promise<PresenceStanding> {
    return this.#all.update(channel, holder, update);
  }

  async read(channel: string): Promise<PresenceList> {
    return this.#all.read(channel);
  }

  /**
   * Passes a change to the node's listener if the node subscribed to the channel. Called within the step that
   * made the change.
   */
  tell(news: Parameters<PresenceListener>[0]): void {
    if (this.#channels.has(news.channel)) this.#listener?.(news);
  }
}
