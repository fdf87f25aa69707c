import { type PersonalNotification, type PersonalState, personalProjection } from "@milepost/model";
import { isRecord, readPosition, type Snapshot } from "@milepost/protocol";
import type { Channel, Subscription } from "../channel/channel.ts";

/** One channel with updates for a person, folded into their state. */
export class PersonChannel {
  state: PersonalState | undefined;
  readonly #channel: Channel;
  readonly #changed: () => void;
  readonly #found: (notifications: readonly PersonalNotification[]) => void;
  readonly #isShared: boolean;
  #subscription: Subscription | undefined;

  /**
   * A shared channel, such as `broadcast`, is read from now on, and a refusal to read it is no error. `found` receives
   * the notifications of a state that the gateway sent, which are older than those that arrive.
   */
  constructor(
    channel: Channel,
    isShared: boolean,
    listener: {
      readonly changed: () => void;
      readonly found: (notifications: readonly PersonalNotification[]) => void;
    },
  ) {
    this.#channel = channel;
    this.#isShared = isShared;
    this.#changed = listener.changed;
    this.#found = listener.found;
  }

  get name(): string {
    return this.#channel.name;
  }

  open(report: (error: unknown) => void): void {
    this.#subscription = this.#channel.subscribe(
      {
        onEvent: ({ event, data, ts, position }) => {
          const offset = readPosition(position)?.offset ?? 0;
          this.#set(personalProjection.reduce(this.state, { event, data, ts, offset }));
        },
        onSnapshot: ({ snapshot }) => this.#replace(snapshot),
        onReset: ({ snapshot }) => this.#replace(snapshot),
        onError: (error) => {
          // `cancelled` means that the application itself closed the client.
          if (!this.#isShared && error.code !== "cancelled") report(error);
        },
      },
      this.#isShared ? { since: "now" } : {},
    );
  }

  close(): void {
    this.#subscription?.close();
  }

  #replace({ projection, state }: Snapshot): void {
    // A rule of the deployment may set another projection, whose state says nothing here.
    if (projection !== personalProjection.name) return;
    const known = isRecord(state) ? (state as unknown as PersonalState) : undefined;
    this.#found(known?.notifications ?? []);
    this.#set(known);
  }

  #set(state: PersonalState | undefined): void {
    if (state === this.state) return;
    this.state = state;
    this.#changed();
  }
}
