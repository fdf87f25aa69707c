import { closeVerdict } from "@milepost/protocol";
import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { type HttpEndpoint, Refused } from "../transport/http-endpoint.ts";
import { frameOf } from "../transport/outgoing.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import { authReply, otherOwner, ownerOf, proveToken, welcomeOf } from "../transport/token-proof.ts";
import type { TransportConnectionEvents } from "../transport/transport.ts";
import type { FollowerNames } from "./remote-member.ts";
import type { TabChannel, Tabs } from "./tabs.ts";

/** Interval between checks that the leader still answers, in milliseconds. */
const checkEveryMs = 2_000;
/** Number of checks in a row without an answer after which the leader counts as frozen at the next one. */
const maxSilentChecks = 2;
/**
 * Maximum interval between proofs that the gateway accepts this tab's own token, in milliseconds. With the 2 s within
 * which every node knows of a revocation, the tab is closed within the 5 s of G10.
 */
const proveEveryMs = 3_000;
/**
 * Time in which a proof must be answered, in milliseconds. Something in between may swallow the call, and the next
 * one may pass.
 */
const proveWithinMs = 10_000;
/** Time before a token's end at which the client is asked for a new one, in milliseconds. */
const renewBeforeMs = 60_000;
/** Length, in characters, and number of posts after which the leader is told what was read. */
const confirmAfterLength = 65_536;
const confirmAfterPosts = 32;

/** Parts that a follower is built from. */
export interface FollowerParts {
  readonly tabs: Tabs;
  readonly schedule: Schedule;
  readonly clock: ClientClock;
  /** Calls to the gateway with this tab's own token. */
  readonly endpoint: HttpEndpoint;
}

/** Functions of the follower's client. */
export interface FollowerEvents extends TransportConnectionEvents {
  /** Called when the leader cannot do what this client wants, or serves another identity. */
  onTurnedAway(): void;
  /** Called when the leader has ended: this tab is to find the next one. */
  onMoved(): void;
  /** Called when the leader no longer answers. */
  onSilent(): void;
}

/**
 * A tab that uses the connection of its group's leader.
 *
 * Its own token opens nothing, so the gateway is asked with a short call whether it accepts the token: before
 * the first message, at each renewal, and every 3 seconds.
 */
export class Follower {
  readonly #parts: FollowerParts;
  readonly #events: FollowerEvents;
  readonly #channel: TabChannel;
  #timer: Cancel | undefined;
  /** Cancels the next proof, or gives up the one that has no answer yet. */
  #proof: Cancel | undefined;
  #renewal: Cancel | undefined;
  #silentChecks = 0;
  /** User and session that the gateway names for this tab's own token. */
  #owner: string | undefined;
  #isWelcome = false;
  #read = 0;
  #unconfirmedLength = 0;
  #unconfirmedPosts = 0;
  #isOver = false;

  constructor(parts: FollowerParts, names: FollowerNames, events: FollowerEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#channel = parts.tabs.channel(names.channel, (message) => this.#take(message));
    this.#check();
    void this.#prove();
  }

  send(texts: readonly string[]): void {
    this.#post({ texts });
  }

  /**
   * Answers an `auth` message in the gateway's place: uses the new token from then on if the gateway accepts it.
   * Otherwise the old one stays in force.
   */
  async authenticate(id: unknown, token: string): Promise<void> {
    let failure: unknown;
    try {
      const welcome = welcomeOf(await proveToken(this.#parts.endpoint, token));
      if (ownerOf(welcome) !== this.#owner) throw otherOwner();
      this.#parts.endpoint.token = token;
      this.#accept(welcome);
    } catch (error) {
      failure = error;
    }
    if (!this.#isOver) this.#events.onFrame(authReply(id, failure));
  }

  release(): void {
    if (this.#isOver) return;
    this.#post({ bye: true });
    this.#end();
  }

  #take({ post, texts, close, reason, move, alone }: Record<string, unknown>): void {
    if (this.#isOver) return;
    this.#silentChecks = 0;
    if (typeof post === "number" && Array.isArray(texts)) this.#takeTexts(post, texts);
    else if (typeof close === "number")
      this.#endWith(() => this.#events.onClose(close, `${reason}`));
    else if (move === true) this.#endWith(() => this.#events.onMoved());
    else if (alone === true) this.#endWith(() => this.#events.onTurnedAway());
  }

  #takeTexts(post: number, texts: readonly string[]): void {
    this.#read = post;
    this.#unconfirmedPosts++;
    for (const text of texts) this.#unconfirmedLength += text.length;
    if (
      this.#unconfirmedPosts >= confirmAfterPosts ||
      this.#unconfirmedLength >= confirmAfterLength
    ) {
      this.#confirm({});
    }
    const frame = frameOf(texts);
    if (!this.#isWelcome) {
      if (ownerOf(welcomeOf(frame)) !== this.#owner) {
        this.#turnAway();
        return;
      }
      this.#isWelcome = true;
    }
    this.#events.onFrame(frame);
  }

  #confirm(also: object): void {
    this.#unconfirmedLength = 0;
    this.#unconfirmedPosts = 0;
    this.#post({ ...also, read: this.#read });
  }

  #check(): void {
    // A tab that was frozen itself reads what waited for it before its next check, so it suspects nobody.
    if (++this.#silentChecks > maxSilentChecks) {
      this.#silentChecks = 0;
      this.#events.onSilent();
    }
    this.#confirm({ check: true });
    this.#timer = this.#parts.schedule.after(checkEveryMs, () => this.#check());
  }

  /** Asks the gateway whether it still accepts this tab's token. */
  async #prove(): Promise<void> {
    const { endpoint, schedule } = this.#parts;
    const { token } = endpoint;
    const late = new AbortController();
    const cancel = schedule.after(proveWithinMs, () => late.abort());
    this.#proof = () => {
      cancel();
      late.abort();
    };
    try {
      const welcome = welcomeOf(await proveToken(endpoint, token, late.signal));
      if (this.#isOver || token !== endpoint.token) return;
      this.#accept(welcome);
    } catch (error) {
      if (this.#isOver || token !== endpoint.token) return;
      const refused = error instanceof Refused ? error : new Refused(1006, "");
      // Once the tab follows, the leader's connection shows whether the gateway can be reached.
      if (this.#isWelcome && /resume|later/.test(closeVerdict(refused.code)))
        this.#planProof(proveEveryMs);
      else {
        this.release();
        this.#events.onClose(refused.code, refused.message, refused);
      }
    }
  }

  /** Takes the gateway's answer to a token that it accepted. */
  #accept(welcome: RawMessage | undefined): void {
    const { clock, schedule } = this.#parts;
    const owner = ownerOf(welcome);
    if (this.#owner === undefined) {
      this.#owner = owner;
      this.#post({ join: true });
    } else if (owner !== this.#owner) {
      this.#turnAway();
      return;
    }
    this.#renewal?.();
    const expiresAt = welcome?.expires_at;
    const leftMs = typeof expiresAt === "number" ? expiresAt - clock.now() : undefined;
    if (leftMs !== undefined) {
      const delayMs = Math.max(leftMs - renewBeforeMs, leftMs / 2);
      this.#renewal = schedule.after(delayMs, () => this.#announceExpiry(expiresAt));
    }
    // The clocks of the gateway and of this machine may differ, so a token that should have ended is asked for again.
    const isPast = leftMs === undefined || leftMs <= 0;
    this.#planProof(isPast ? proveEveryMs : Math.min(proveEveryMs, leftMs + 1_000));
  }

  #planProof(delayMs: number): void {
    this.#proof?.();
    this.#proof = this.#parts.schedule.after(delayMs, () => void this.#prove());
  }

  #turnAway(): void {
    this.release();
    this.#events.onTurnedAway();
  }

  #announceExpiry(expiresAt: unknown): void {
    const notice = { type: "notice", code: "token_expiring", expires_at: expiresAt };
    if (this.#isWelcome) this.#events.onFrame(JSON.stringify(notice));
  }

  #post(message: object): void {
    if (!this.#isOver) this.#channel.post(message);
  }

  #endWith(tell: () => void): void {
    this.#end();
    tell();
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.();
    this.#proof?.();
    this.#renewal?.();
    this.#parts.endpoint.end();
    this.#channel.close();
  }
}
