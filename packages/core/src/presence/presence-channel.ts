import type { NewMember, PresenceBroadcast, PresenceStanding } from "@milepost/engine";
import type { PresenceList, PresenceMessage } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { Encoder } from "../send-queue/transport.ts";
import { type HoldsContext, PresenceHolds } from "./presence-holds.ts";
import { PresenceView } from "./presence-view.ts";
import { PresenceWatcher, type WatchedChannel } from "./presence-watcher.ts";
import { Throttle } from "./throttle.ts";

/** News that has not come after so long is read instead. */
const broadcastWaitMs = 250;
/** More news than this while the list is read is read again. */
const maxWaiting = 1_000;
/** A lingering member is forgotten so long after its time at the latest. */
const lingerSlackMs = 1_000;

/** What a channel needs of its node. */
export interface PresenceContext extends HoldsContext {
  readonly wheel: TimerWheel;
  readonly windowMs: number;
  readonly onError: (error: unknown) => void;
}

/** Who is in one channel, on one node: whom its connections hold, who watches, and what they have been told. */
export class PresenceChannel implements WatchedChannel {
  readonly name: string;
  readonly #context: PresenceContext;
  readonly #holds: PresenceHolds;
  readonly #view: PresenceView;
  readonly #watchers: PresenceWatcher[] = [];
  /** Those that have yet to begin. */
  #joining = 0;
  readonly #telling: Throttle;
  readonly #typing: Throttle;
  readonly #ending: Ending;
  readonly #subscribed: Promise<void>;
  #reading: Promise<void> | undefined;
  /** News that came while the list is read. */
  #waiting: PresenceBroadcast[] = [];
  #reached: (() => void)[] = [];
  /** When the last that lingers by this node is certainly gone. */
  #lingersUntil = 0;
  #whole: { readonly message: PresenceList; readonly bytes: Map<Encoder, Uint8Array> } | undefined;

  constructor(name: string, names: boolean, subscribed: Promise<void>, context: PresenceContext) {
    const { wheel, clock, windowMs } = context;
    this.name = name;
    this.#context = context;
    this.#subscribed = subscribed;
    this.#holds = new PresenceHolds(name, context);
    this.#view = new PresenceView(name, names);
    this.#telling = new Throttle(wheel, clock, windowMs, () => this.#tellWatchers());
    this.#typing = new Throttle(wheel, clock, windowMs, () => this.#tellStore());
    this.#ending = new Ending(() => this.#tellStore());
  }

  /** Whether nothing of it is needed here any more. */
  get isUnused(): boolean {
    return (
      this.#watchers.length + this.#joining + this.#holds.size === 0 &&
      this.#holds.isTold &&
      this.#context.clock.monotonic() >= this.#lingersUntil
    );
  }

  holds(id: string): boolean {
    return this.#holds.has(id);
  }

  /** Adds a connection; resolves when it is in the list that {@link begin} gives, rejects when the store cannot be told. */
  async join(reader: SharedSubscriber, member: NewMember | undefined): Promise<PresenceWatcher> {
    const watcher = new PresenceWatcher(this, reader, member?.id);
    this.#joining++;
    if (member !== undefined) this.#holds.add(member);
    try {
      await this.#subscribed;
      await this.#catchUp(await this.#holds.tell());
      return watcher;
    } catch (error) {
      watcher.leave("leaves");
      throw error;
    } finally {
      this.#joining--;
    }
  }

  begin(watcher: PresenceWatcher): PresenceList {
    if (this.#watchers.length === 0) this.#view.settle();
    watcher.index = this.#watchers.length;
    this.#watchers.push(watcher);
    return this.#view.list;
  }

  remove(watcher: PresenceWatcher, going: "leaves" | "lingers"): void {
    const { index, memberId } = watcher;
    if (index !== undefined) {
      watcher.index = undefined;
      const last = this.#watchers.pop();
      if (last !== undefined && last !== watcher) {
        this.#watchers[index] = last;
        last.index = index;
      }
    }
    if (memberId === undefined || !this.#holds.remove(memberId, going)) return;
    const { clock, graceMs } = this.#context;
    if (going === "lingers") this.#lingersUntil = clock.monotonic() + graceMs + lingerSlackMs;
    this.#tellStore();
  }

  /** A member that this node holds types or stops: told in the next turn. */
  type(id: string, typing: boolean): void {
    this.#holds.type(id, typing);
    this.#typing.request();
  }

  /** Takes the news of the store. */
  receive(notifier: PresenceBroadcast): void {
    this.#noteEnd(notifier.endsInMs);
    if (this.#reading !== undefined) {
      if (this.#waiting.length < maxWaiting) this.#waiting.push(notifier);
      return;
    }
    this.#take(notifier);
  }

  /** Says that the node lives, and looks whether store and node are of one mind. */
  async refresh(): Promise<void> {
    const standing = await this.#holds.tell();
    if (standing.held < this.#holds.size && this.#holds.isTold) {
      this.#holds.redeclare();
      await this.#catchUp(await this.#holds.tell());
    } else await this.#catchUp(standing);
  }

  /** Resolves once the store has been told that nobody is here by this node. */
  async settle(): Promise<void> {
    if (!this.#holds.isTold) await this.#holds.tell();
  }

  close(): void {
    const { wheel } = this.#context;
    for (const deadline of [this.#telling, this.#typing, this.#ending]) wheel.clear(deadline);
  }

  /** The whole list as a message, made once for all that get it. */
  encodeWhole(encoder: Encoder): Uint8Array {
    const message = this.#view.list;
    if (this.#whole?.message !== message) this.#whole = { message, bytes: new Map() };
    const { bytes } = this.#whole;
    const known = bytes.get(encoder);
    if (known !== undefined) return known;
    const encoded = encoder.encodeMessage(this.#view.whole());
    bytes.set(encoder, encoded);
    return encoded;
  }

  #tellStore(): void {
    this.#holds.tell().then(
      (standing) => this.#noteEnd(standing.endsInMs),
      // It is told with the next refresh.
      (error) => this.#context.onError(error),
    );
  }

  #noteEnd(endsInMs: number | undefined): void {
    const { wheel, clock } = this.#context;
    if (endsInMs === undefined) return;
    const { dueAt } = this.#ending;
    if (dueAt === undefined || dueAt > clock.monotonic() + endsInMs) {
      wheel.set(this.#ending, endsInMs);
    }
  }

  /** Resolves when what is known here is at least as new. */
  async #catchUp(standing: PresenceStanding): Promise<void> {
    this.#noteEnd(standing.endsInMs);
    if (this.#view.covers(standing)) return;
    if (this.#view.list.epoch === standing.epoch && this.#reading === undefined) {
      const reached = new Promise<void>((resolve) => {
        this.#reached.push(resolve);
      });
      await Promise.race([reached, this.#context.wheel.pause(broadcastWaitMs)]);
      if (this.#view.covers(standing)) return;
    }
    await this.#read();
    // One that was under way may be older than the update.
    if (!this.#view.covers(standing)) await this.#read();
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readNow();
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    try {
      await this.#subscribed;
      this.#view.replace(await this.#context.port.read(this.name));
    } finally {
      this.#reading = undefined;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const notifier of waiting) this.receive(notifier);
      this.#changed();
    }
  }

  #take(notifier: PresenceBroadcast): void {
    if (this.#view.take(notifier) === "hole") this.#read().catch(this.#context.onError);
    else this.#changed();
  }

  #changed(): void {
    const reached = this.#reached;
    this.#reached = [];
    for (const resolve of reached) resolve();
    if (this.#watchers.length > 0) this.#telling.request();
  }

  #tellWatchers(): void {
    const message = this.#view.applyBroadcast();
    if (message === undefined) return;
    const encoded = new Map<Encoder, Uint8Array>();
    for (const watcher of this.#watchers) watcher.give(this.#encode(message, watcher, encoded));
  }

  #encode(
    message: PresenceMessage,
    { subscriber: { encoder } }: PresenceWatcher,
    encoded: Map<Encoder, Uint8Array>,
  ): Uint8Array {
    let bytes = encoded.get(encoder);
    if (bytes === undefined) {
      bytes = encoder.encodeMessage(message);
      encoded.set(encoder, bytes);
    }
    return bytes;
  }
}

/** Something in the channel ends by itself: the store is asked to look. */
class Ending extends Deadline {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  override onDue(): void {
    this.#run();
  }
}
