import type { Engine } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { ConnectedClient } from "../connection/connected-client.ts";
import { personOf } from "../rules/principal.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import type { NodeSignal } from "./node-signal.ts";

/** Time for which a connection that reports nothing counts as visible after its last message, in milliseconds. */
export const unknownVisibleMs = 60_000;
/** Time that other nodes have to say that a page is visible there, in milliseconds. */
const answerMs = 1_000;
const maxAsked = 10_000;

/** Parts of the node that {@link PageVisibility} uses. */
export interface VisibilityParts {
  readonly node: string;
  readonly engine: Pick<Engine, "registry" | "signals" | "isShared">;
  readonly wheel: TimerWheel;
  readonly connections: { readonly all: Iterable<ConnectedClient> };
  /** True if the user has a connection to this node; spares the search among all connections for everybody else. */
  readonly isConnected: (user: string) => boolean;
}

/**
 * Says whether a user has a visible page on any node.
 *
 * Each connection keeps what its client reports. Nothing of it is stored: a node that wants to know asks the others, if the
 * registry says that the user is connected there. No answer within 1 s means that no page there is visible.
 */
export class PageVisibility {
  readonly #parts: VisibilityParts;
  /** Questions to other nodes that wait for an answer, by user. */
  readonly #asked = new Map<string, Set<() => void>>();

  constructor(parts: VisibilityParts) {
    this.#parts = parts;
  }

  /**
   * Resolves with true if a page of the user is visible on any node. Rejects if the registry cannot be read, and with
   * `rate_limited` while 10,000 users are looked for.
   */
  async isVisible(user: string): Promise<boolean> {
    if (this.isVisibleHere(user)) return true;
    const { engine, wheel, node } = this.#parts;
    if (engine.isShared !== true) return false;
    if ((await engine.registry.list({ user }, 1)).length === 0) return false;
    if (this.#asked.size >= maxAsked) {
      // If it assumed that the user is away, it would send messages to a user who sees the page.
      throw new MilepostError("rate_limited", "too many users are looked for; try again later", {
        retryAfterMs: answerMs,
      });
    }
    return new Promise<boolean>((resolve, reject) => {
      const waiting = this.#asked.get(user) ?? new Set();
      const isSeen = () => settle(true);
      const settle = (isVisible: boolean) => {
        waiting.delete(isSeen);
        if (waiting.size === 0) this.#asked.delete(user);
        resolve(isVisible);
      };
      waiting.add(isSeen);
      this.#asked.set(user, waiting);
      const question: NodeSignal = { kind: "who-sees", user, by: node };
      engine.signals.send(question).catch(reject);
      void wheel.pause(answerMs).then(() => settle(false));
    });
  }

  /** True if a page of the user is visible at this node. */
  isVisibleHere(user: string): boolean {
    if (!this.#parts.isConnected(user)) return false;
    for (const connection of this.#parts.connections.all) {
      if (connection.isVisible && personOf(connection.principal).user === user) return true;
    }
    return false;
  }

  /** Answers another node that asks about a user, if a page is visible here. */
  async answer({ user, by }: NodeSignal & { kind: "who-sees" }): Promise<void> {
    const { node, engine } = this.#parts;
    if (by === node || !this.isVisibleHere(user)) return;
    await engine.signals.send({ kind: "seen", user } satisfies NodeSignal, by);
  }

  /** Notes that a page of the user is visible at another node. */
  onSeen(user: string): void {
    for (const isSeen of [...(this.#asked.get(user) ?? [])]) isSeen();
  }
}
