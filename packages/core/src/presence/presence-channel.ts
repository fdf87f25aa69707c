import type { NewMember, PresenceBroadcast, PresenceStanding } from "@milepost/engine";
import type { PresenceList, PresenceMessage } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { Encoder } from "../send-queue/transport.ts";
import { type HoldsContext, PresenceHolds } from "./presence-holds.ts";
import { PresenceView } from "./presence-view.ts";
import { PresenceWatcher, type WatchedChannel } from "./presence-watcher.ts";
import { Throttle } from "./throttle.ts";
import { TypingNews } from "./typing-news.ts";
import { TypingWatcher } from "./typing-watcher.ts";

/**
 * Maximum wait for the broadcast of a change that this node knows of, in milliseconds. After it, the node reads the list from the
 * store.
 */
const broadcastWaitMs = 250;
/**
 * Maximum number of broadcasts kept while the list is being read. Further ones are dropped, and the list is
 * then read again.
 */
const maxWaiting = 1_000;
/**
 * Time added to the grace period, in milliseconds. Once both have passed, a lingering member has certainly
 * left.
 */
const lingerSlackMs = 1_000;

/** Parts of the node and settings that a {@link PresenceChannel} uses. */
export interface PresenceContext extends HoldsContext {
  readonly wheel: TimerWheel;
  readonly windowMs: number;
  /** True while the node is without its store and its clients know. */
  readonly isCut: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Presence of one channel on one node: the members that its connections hold, its watchers, and the list that
 * they have received.
 */
export class PresenceChannel implements WatchedChannel {
  readonly name: string;
  readonly #context: PresenceContext;
  readonly #holds: PresenceHolds;
  readonly #view: PresenceView;
  readonly #watchers: PresenceWatcher[] = [];
  /** Number of connections whose join has not finished. */
  #joining = 0;
  readonly #telling: Throttle;
  readonly #typing: Throttle;
  readonly #ending: Ending;
  /** Members whose typing this node shows without the store, with the monotonic time at which it ends. */
  readonly #shownTyping = new Map<string, number>();
  #shownTypingEnds: Ending | undefined;
  readonly #subscribed: Promise<void>;
  #reading: Promise<void> | undefined;
  /** Broadcasts that arrived while the list is being read. */
  #waiting: PresenceBroadcast[] = [];
  #reached: (() => void)[] = [];
  /**
   * Monotonic time, in milliseconds, by which the last member of this node in its grace period has certainly
   * left.
   */
  #lingersUntil = 0;
  /** Typing as bare clients know it; undefined until one watches. */
  #typingNews: TypingNews | undefined;
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

  /**
   * True when this node no longer needs the channel: no connection watches, joins or holds a member, no grace
   * period runs, and the store has all changes.
   */
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

  /**
   * Adds a connection. Resolves once its member is in the list that {@link begin} returns; rejects when the
   * store cannot be updated.
   */
  async join(
    subscriber: SharedSubscriber,
    member: NewMember | undefined,
  ): Promise<PresenceWatcher> {
    const watcher = new PresenceWatcher(this, subscriber, member?.id);
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

  /** Adds the connection of a bare client, which receives who types from now on. */
  watchTyping(subscriber: SharedSubscriber, ownId: string | undefined): TypingWatcher {
    const watcher = new TypingWatcher(this, subscriber, ownId);
    this.#typingNews ??= new TypingNews(this.name);
    this.begin(watcher);
    // If this fails, the first broadcast reads the list.
    if (this.#view.list.epoch === "") this.#read().catch(this.#context.onError);
    return watcher;
  }

  /** Makes the member of a bare client present; the next update of the store carries it. */
  enter(watcher: TypingWatcher, member: NewMember): void {
    if (watcher.memberId !== undefined) return;
    watcher.memberId = member.id;
    this.#holds.add(member);
  }

  /** Records that the channel could not be subscribed to. */
  lose(): void {
    for (const watcher of this.#watchers)
      if (watcher instanceof TypingWatcher) watcher.isLost = true;
  }

  get list(): PresenceList {
    return this.#view.list;
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

  /**
   * Sets whether a member that this node holds is typing. The store is updated at the next throttled update. While the
   * store is away, the watchers at this node see it at once.
   */
  type(id: string, typing: boolean): void {
    this.#holds.type(id, typing);
    if (this.#context.isCut()) this.#showTyping(id, typing);
    else this.#typing.request();
  }

  /** Applies a broadcast of the store, or keeps it while the list is being read. */
  receive(broadcast: PresenceBroadcast): void {
    this.#noteEnd(broadcast.endsInMs);
    if (this.#reading !== undefined) {
      if (this.#waiting.length < maxWaiting) this.#waiting.push(broadcast);
      return;
    }
    this.#take(broadcast);
  }

  /**
   * Refreshes in the store which members this node holds, and adds its members again if the store has lost
   * some. Then brings this node's list up to date.
   */
  async refresh(): Promise<void> {
    const standing = await this.#holds.tell();
    if (standing.held < this.#holds.size && this.#holds.isTold) {
      this.#holds.redeclare();
      await this.#catchUp(await this.#holds.tell());
    } else await this.#catchUp(standing);
  }

  /** Resolves once the store has all changes of the members that this node holds. */
  async settle(): Promise<void> {
    if (!this.#holds.isTold) await this.#holds.tell();
  }

  close(): void {
    const { wheel } = this.#context;
    for (const deadline of [this.#telling, this.#typing, this.#ending]) wheel.clear(deadline);
    if (this.#shownTypingEnds !== undefined) wheel.clear(this.#shownTypingEnds);
  }

  /** Encodes the whole list as a message, once for all watchers with the same encoder. */
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
      // The next refresh sends the update again.
      (error) => this.#context.onError(error),
    );
  }

  #showTyping(id: string, typing: boolean): void {
    const { wheel, clock, typingMs } = this.#context;
    if (typing) this.#shownTyping.set(id, clock.monotonic() + typingMs);
    else this.#shownTyping.delete(id);
    this.#view.showTyping(id, typing);
    this.#changed();
    this.#shownTypingEnds ??= new Ending(() => this.#endShownTyping());
    if (typing && this.#shownTypingEnds.dueAt === undefined) {
      wheel.set(this.#shownTypingEnds, typingMs);
    }
  }

  /** Ends the typing that this node has shown for long enough. The store, once it is back, knows who types. */
  #endShownTyping(): void {
    const { wheel, clock, isCut, onError } = this.#context;
    const now = clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const [id, until] of this.#shownTyping) {
      if (until > now) {
        next = Math.min(next, until);
        continue;
      }
      this.#shownTyping.delete(id);
      this.#view.showTyping(id, false);
    }
    if (Number.isFinite(next) && this.#shownTypingEnds !== undefined) {
      wheel.set(this.#shownTypingEnds, next - now);
    }
    if (isCut()) this.#changed();
    else this.#read().catch(onError);
  }

  #noteEnd(endsInMs: number | undefined): void {
    const { wheel, clock } = this.#context;
    if (endsInMs === undefined) return;
    const { dueAt } = this.#ending;
    if (dueAt === undefined || dueAt > clock.monotonic() + endsInMs) {
      wheel.set(this.#ending, endsInMs);
    }
  }

  /** Resolves once this node's list is at least as new as the store's version in `standing`. */
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
    // A read that was already running may be older than the update.
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
      for (const broadcast of waiting) this.receive(broadcast);
      this.#changed();
    }
  }

  #take(broadcast: PresenceBroadcast): void {
    if (this.#view.take(broadcast) === "hole") this.#read().catch(this.#context.onError);
    else this.#changed();
  }

  #changed(): void {
    const reached = this.#reached;
    this.#reached = [];
    for (const resolve of reached) resolve();
    if (this.#watchers.length > 0) this.#telling.request();
  }

  #tellWatchers(): void {
    const message = this.#view.takeChanges();
    if (message === undefined) return;
    const encoded = new Map<Encoder, Uint8Array>();
    const now = this.#context.clock.now();
    const typing = this.#typingNews?.take(message, (id) => this.#view.member(id), now) ?? [];
    for (const watcher of this.#watchers) {
      if (watcher instanceof TypingWatcher) watcher.tell(typing);
      else watcher.give(message, () => this.#encode(message, watcher, encoded));
    }
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

/** Deadline at which a member's grace period or typing ends. The node then updates the store. */
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
