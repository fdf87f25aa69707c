import { type CloseCode, closeVerdict } from "@milepost/protocol";
import type { Schedule } from "../runtime/schedule.ts";
import { frameOf } from "../transport/outgoing.ts";
import type {
  TransportConnection,
  TransportConnectionEvents,
  TransportName,
} from "../transport/transport.ts";
import { Hub, type HubParts } from "./hub.ts";
import type { HubMember } from "./hub-member.ts";
import { followerNames, RemoteMember } from "./remote-member.ts";
import type { HeldLock, TabChannel, Tabs } from "./tabs.ts";

/** Maximum number of tabs that follow one leader. */
const maxFollowers = 50;
/** Close code of a connection that an API key has disconnected. */
const disconnected: CloseCode = 4410;

/** Parts that a leader is built from. */
export interface LeaderParts extends HubParts {
  readonly tabs: Tabs;
  readonly schedule: Schedule;
  readonly group: string;
  /** Id of this tab. */
  readonly tab: string;
  readonly carrier: TransportName;
  /** Opens the connection to share. */
  open(events: TransportConnectionEvents): TransportConnection;
}

/** Functions of the leader's own client, which releases the leader in the last two. */
export interface LeaderEvents extends TransportConnectionEvents {
  /** Called when the client wants what a shared connection cannot do. */
  onTurnedAway(): void;
  /** Called when another tab has taken the lead. */
  onUnseated(): void;
}

/** The tab that holds a group's connection, and shares it with the tabs that ask for it. */
export class Leader {
  readonly closed: Promise<void>;
  readonly #parts: LeaderParts;
  readonly #lock: HeldLock;
  readonly #hub: Hub;
  readonly #own: HubMember;
  readonly #followers = new Map<string, RemoteMember>();
  readonly #bus: TabChannel;
  readonly #connection: TransportConnection;
  #isOver = false;

  constructor(parts: LeaderParts, lock: HeldLock, events: LeaderEvents) {
    this.#parts = parts;
    this.#lock = lock;
    this.#hub = new Hub(parts, () => this.#connection);
    this.#own = this.#hub.join({
      isOwner: true,
      deliver: (texts) => events.onFrame(frameOf(texts)),
      turnAway: () => events.onTurnedAway(),
    });
    this.#bus = parts.tabs.channel(parts.group, ({ who }) => {
      if (typeof who === "string") this.#asked(who);
    });
    this.#connection = parts.open({
      onFrame: (frame) => this.#onFrame(frame),
      onClose: (code, reason, details) => {
        if (this.#isOver) return;
        this.#own.flush();
        this.#end((follower) => {
          // A credential that is refused is this tab's own. The others connect with theirs. A close by request,
          // such as that of all connections of a user, is meant for all, and so is a limit that was reached.
          if (/resume|later/.test(closeVerdict(code)) || code === disconnected)
            follower.close(code, reason);
          else follower.move();
        });
        events.onClose(code, reason, details);
      },
    });
    this.closed = this.#connection.closed;
    void lock.stolen.then(() => {
      if (!this.#isOver) events.onUnseated();
    });
  }

  send(messages: readonly string[]): void {
    this.#own.take(messages);
  }

  renew(token: string): void {
    this.#connection.renew?.(token);
  }

  release(): void {
    if (this.#isOver) return;
    this.#end((follower) => {
      // If nothing came back over the connection, it is lost for each tab, so that each one judges the transport.
      if (this.#hub.isProven) follower.move();
      else follower.close(1006, "");
    });
  }

  #onFrame(frame: unknown): void {
    if (this.#isOver) return;
    const wasReady = this.#hub.isReady;
    this.#hub.onFrame(frame);
    if (!wasReady && this.#hub.isReady) this.#bus.post({ lead: this.#parts.tab });
  }

  #asked(tab: string): void {
    const { tabs, group, carrier, tab: own } = this.#parts;
    if (!this.#hub.isReady) {
      this.#bus.post({ to: tab, wait: true });
      return;
    }
    if (!this.#followers.has(tab)) {
      if (this.#followers.size >= maxFollowers) {
        this.#bus.post({ to: tab, full: true });
        return;
      }
      const names = followerNames(group, own, tab);
      const follower = new RemoteMember(tabs, this.#hub, names, () => this.#followers.delete(tab));
      this.#followers.set(tab, follower);
    }
    this.#bus.post({ to: tab, lead: own, carrier });
  }

  #end(farewell: (follower: RemoteMember) => void): void {
    this.#isOver = true;
    for (const follower of [...this.#followers.values()]) farewell(follower);
    this.#bus.close();
    this.#own.leave();
    this.#connection.release();
    this.#lock.release();
  }
}
