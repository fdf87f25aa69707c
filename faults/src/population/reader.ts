import { type Beginning, Claim, type Recorder, stateHash } from "@milepost/checker/recording";
import {
  type Client,
  type ClientOptions,
  type ConnectionState,
  createClient,
  type Subscription,
} from "@milepost/client";
import { WebSocket } from "ws";
import { channels, type SuiteChannel } from "../channels.ts";

interface Wanted {
  readonly claim: Claim;
  subscription: Subscription | undefined;
}

/** URL and token with which a client reaches the gateway. */
export interface Access {
  readonly url: string;
  readonly token: () => Promise<string>;
  /** Further options of the client; by default it uses WebSockets only. */
  readonly options?: Partial<ClientOptions>;
  /** Function that makes the client; that of this version by default. */
  readonly createClient?: typeof createClient;
  /** Called with each state of the client's connection. */
  readonly onState?: (state: ConnectionState) => void;
}

/** Application on the SDK that remembers the last position it received of each channel. */
export class Reader {
  readonly #access: Access;
  readonly #wanted: readonly Wanted[];
  #client: Client;

  constructor(
    name: string,
    access: Access,
    recorder: Recorder,
    beginnings: readonly Beginning[],
    read: readonly SuiteChannel[] = channels,
  ) {
    this.#access = access;
    this.#wanted = read.map(({ name: channel }, i) => {
      const since = beginnings[i % beginnings.length] ?? "state";
      const claim = new Claim(recorder, `${name}/${channel}`, channel, since, undefined);
      return { claim, subscription: undefined };
    });
    this.#client = this.#connect();
    for (const wanted of this.#wanted) this.#take(wanted);
  }

  /** Returns the reader's position in a channel; undefined before its first one. */
  position(channel: string): string | undefined {
    return this.#wanted.find(({ claim }) => claim.channel === channel)?.claim.position;
  }

  /** Reloads the page: a new client resumes from the remembered positions. */
  async reload(): Promise<void> {
    const before = this.#client;
    this.#client = this.#connect();
    for (const wanted of this.#wanted) this.#take(wanted);
    await before.close();
  }

  async close(): Promise<void> {
    for (const { claim } of this.#wanted) claim.leaves();
    await this.#client.close();
  }

  #connect(): Client {
    const { url, token, options, onState, createClient: create = createClient } = this.#access;
    const usual = { webSocket: WebSocket, transports: ["websocket"] } as const;
    const client = create({ url, token, ...usual, ...options });
    if (onState !== undefined) client.onState(onState);
    return client;
  }

  #take(wanted: Wanted): void {
    const { claim } = wanted;
    const { channel, position, begin } = claim;
    const client = this.#client;
    claim.asks(position);
    let started = false;
    const isCurrent = () => this.#client === client;
    const start = (at: string, state?: string, reason?: string) => {
      if (started) return;
      started = true;
      claim.starts(at, { state, reason });
    };
    wanted.subscription = client.channel(channel).subscribe(
      {
        onState: (state) => {
          if (state === "pending" && isCurrent()) claim.waits();
          // The SDK reports the state of the start, if there is one, right after this call.
          const at = wanted.subscription?.position;
          if (!isCurrent() || started || at === undefined || expectsState(claim)) return;
          if (position !== undefined && at !== position) return;
          start(at);
        },
        onSnapshot: (snapshot) => {
          if (isCurrent()) start(snapshot.position, stateHash(snapshot.snapshot));
        },
        onReset: (reset) => {
          if (!isCurrent()) return;
          const state = stateHash(reset.snapshot);
          if (started) claim.isReset(reset.position, reset.reason, state);
          else start(reset.position, state, reset.reason);
        },
        onGap: ({ from, to, reason }) => {
          if (isCurrent()) claim.lacks(from, to, reason);
        },
        onEvent: ({ position, event, data }) => {
          if (isCurrent()) claim.takes(position, event, data);
        },
      },
      begin === undefined ? {} : { since: begin },
    );
  }
}

/** Returns true when the claim's first subscription starts with the channel's state. */
function expectsState({ channel, since, position }: Claim): boolean {
  const hasState = channels.some(({ name, projection }) => name === channel && projection !== null);
  return position === undefined && since === "state" && hasState;
}
