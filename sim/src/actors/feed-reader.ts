import type { Cancel } from "@milepost/engine";
import type { Link } from "../link.ts";
import { NetworkPort } from "../network.ts";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import type { Attached, World } from "./world.ts";

/**
 * Time without a document after which a page replaces the connection, in milliseconds, with a random addition. Only
 * the node pings a feed, so a page cannot tell a quiet connection from a dead one.
 */
const maxSilenceMs = 45_000;

/**
 * Page that shows the progress of one session: it reads documents, sends nothing, and reconnects when it is cut
 * off.
 */
export class FeedReader implements Attached {
  readonly name: string;
  readonly #user: string;
  readonly #world: World;
  readonly #random: SeededRandom;
  #clock: ProcessClock;
  #port: NetworkPort;
  #link: Link | undefined;
  /** Cancels the wait for the next document. */
  #silence: Cancel | undefined;
  #attachments = 0;
  /** Journal name of the current connection; messages of older connections are ignored. */
  #current: string | undefined;
  #closed = false;

  constructor(name: string, user: string, world: World) {
    this.name = name;
    this.#user = user;
    this.#world = world;
    this.#random = SeededRandom.named(world.seed, name);
    this.#clock = new ProcessClock(world.time);
    this.#port = new NetworkPort(world.nodes, world.time, this.#random);
    this.#clock.soon(() => this.#connect());
  }

  get timers(): number {
    return this.#clock.pending;
  }

  restart(): void {
    this.#port.isDead = true;
    this.#clock.kill();
    this.#port.link?.abandonByClient();
    this.#leave();
    this.#clock = new ProcessClock(this.#world.time);
    this.#port = new NetworkPort(this.#world.nodes, this.#world.time, this.#random);
    this.#clock.after(this.#random.between(10, 1_000), () => this.#connect());
  }

  drop(): void {
    this.#port.link?.drop();
  }

  silence(): void {
    this.#port.link?.silence();
  }

  stall(): void {
    this.#port.link?.stall();
  }

  resume(): void {
    this.#port.link?.resume();
  }

  heal(): void {
    this.#port.link?.resume();
    this.#port.link?.endSilence();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#leave();
    this.#link?.closeFromClient();
    this.#clock.kill();
  }

  #connect(): void {
    if (this.#closed) return;
    const reader = `${this.name}/${++this.#attachments}`;
    const session = `s-${this.#user}`;
    const url = new URL(`ws://sim/ws/progress/${session}`);
    url.searchParams.set("token", this.#world.token(this.#user));
    this.#current = reader;
    const isCurrent = () => this.#current === reader;
    const ends = {
      onOpen: () => {
        if (isCurrent())
          this.#world.journal.add({ type: "feed", reader, phase: "opened", session });
      },
      onText: (text: string) => {
        if (isCurrent()) this.#take(reader, text);
      },
      onClose: () => {
        if (isCurrent()) this.#comeBack();
      },
    };
    this.#port.dial(url.href, [], ends, (link) => {
      if (isCurrent()) this.#link = link;
      else link.closeFromClient();
    });
    this.#awaitDocument();
  }

  /** Replaces the connection unless a document arrives in time. */
  #awaitDocument(): void {
    this.#silence?.();
    this.#silence = this.#clock.after(maxSilenceMs + this.#random.between(0, 20_000), () => {
      this.#link?.closeFromClient();
      this.#comeBack();
    });
  }

  #take(reader: string, text: string): void {
    const document = JSON.parse(text) as Record<string, unknown>;
    // The notice before a shutdown is no document. The reader comes back once its connection is closed.
    if (document.type === "notice") return;
    const { transaction_id, sequence, status } = document;
    const operation = String(transaction_id);
    this.#world.journal.add({
      type: "document",
      reader,
      operation,
      sequence: Number(sequence),
      status: String(status),
    });
    this.#awaitDocument();
  }

  #comeBack(): void {
    this.#leave();
    this.#clock.after(this.#random.between(20, 4_000), () => this.#connect());
  }

  #leave(): void {
    this.#silence?.();
    this.#silence = undefined;
    const reader = this.#current;
    this.#current = undefined;
    if (reader === undefined) return;
    this.#world.journal.add({ type: "feed", reader, phase: "closed" });
  }
}
