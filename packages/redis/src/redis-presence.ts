import type {
  Presence,
  PresenceBroadcast,
  PresenceListener,
  PresenceStanding,
  PresenceUpdate,
  Random,
} from "@milepost/engine";
import { maxListedMembers, maxListedTyping, type PresenceList } from "@milepost/protocol";
import type { BusRouter } from "./bus-router.ts";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";
import type { Subscriptions } from "./subscriptions.ts";

const epochLength = 8;
const nobody: PresenceList = { epoch: "", version: 0, members: [], count: 0, typing: [] };

/** Presence in all channels, over all nodes. The keys of one channel share a hash slot. */
export class RedisPresence implements Presence {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #random: Random;
  readonly #router: BusRouter;
  readonly #subscriptions: Subscriptions;

  constructor(
    link: RedisLink,
    keys: Keys,
    clock: RedisClock,
    random: Random,
    router: BusRouter,
    subscriptions: Subscriptions,
  ) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
    this.#random = random;
    this.#router = router;
    this.#subscriptions = subscriptions;
  }

  listen(listener: PresenceListener): void {
    this.#router.route("presence", {
      onMessage: (message, busChannel) => {
        const news = JSON.parse(message) as Omit<PresenceBroadcast, "channel">;
        listener({ channel: this.#keys.channelOfPresence(busChannel), ...news });
      },
    });
  }

  async subscribe(channel: string): Promise<void> {
    await this.#subscriptions.add(this.#keys.presenceBus(channel));
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#subscriptions.remove(this.#keys.presenceBus(channel));
  }

  async update(channel: string, holder: string, update: PresenceUpdate): Promise<PresenceStanding> {
    const { ttlMs, enter = [], leave = [], linger = [], typing = [] } = update;
    const { lingerMs = 0, typingMs = 0 } = update;
    const shared = this.#shared(channel);
    const since = Number(shared[0]);
    const answer = await this.#link.run(scripts.presenceUpdate, this.#keys.presence(channel), [
      ...shared,
      holder,
      String(ttlMs),
      this.#random.id(epochLength),
      String(lingerMs),
      String(typingMs),
      ...[enter, leave, linger, typing].map(({ length }) => String(length)),
      ...enter.flatMap((member) => [member.id, JSON.stringify({ ...member, since })]),
      ...leave,
      ...linger,
      ...typing.flatMap(({ id, typing: types }) => [id, types ? "1" : "0"]),
    ]);
    const [epoch, version, held, endsInMs, strangers] = answer as UpdateAnswer;
    const standing = { epoch, version, held, strangers };
    return endsInMs === null ? standing : { ...standing, endsInMs };
  }

  async read(channel: string): Promise<PresenceList> {
    const keys = this.#keys.presence(channel);
    const answer = await this.#link.run(scripts.presenceRead, keys, this.#shared(channel));
    return typeof answer === "string" ? (JSON.parse(answer) as PresenceList) : nobody;
  }

  #shared(channel: string): readonly [now: string, ...rest: string[]] {
    return [
      this.#clock.now(),
      this.#link.publishCommand,
      this.#keys.presenceBus(channel),
      String(maxListedMembers),
      String(maxListedTyping),
    ];
  }
}

type UpdateAnswer = [
  epoch: string,
  version: number,
  held: number,
  endsInMs: number | null,
  strangers: string[],
];
