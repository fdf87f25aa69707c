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

/** Who is in each channel, in the memory of one process; each node has a {@link connect connection} of its own. */
export class MemoryPresences {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #rooms = new Map<string, PresenceRoom>();
  readonly #nodes = new Set<MemoryPresence>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** What one node sees of it. */
  connect(): Presence {
    const node = new MemoryPresence(this);
    this.#nodes.add(node);
    return node;
  }

  /** One step of a channel, told to all nodes within it. */
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

/** One node's view of who is in each channel. */
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

  /** Called within the step that changed something. */
  tell(news: Parameters<PresenceListener>[0]): void {
    if (this.#channels.has(news.channel)) this.#listener?.(news);
  }
}
