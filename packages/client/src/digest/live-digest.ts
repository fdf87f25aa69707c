import type { Digest, SeenReport } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import { followIdentity, followReopening } from "../connection/identity.ts";
import type { Cancel } from "../runtime/clock.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { randomKeys } from "../runtime/random-keys.ts";
import type { DigestHandle, DigestView } from "./digest-view.ts";

/** Period in which a visible page moves the last position, and time hidden after which a page has been away. */
const periodMs = 60_000;
const retryMs = 5_000;

/** Visibility of the page. */
export interface PageSight {
  isVisible(): boolean;
  onChange(listener: () => void): () => void;
}

const loading: DigestView = { status: "loading", digest: undefined, error: undefined };

/** Digest that is asked for on return, and moves the user's last position once it was seen. */
export class LiveDigest implements DigestHandle {
  readonly #client: Client;
  readonly #sight: PageSight;
  readonly #listeners: ChangeListeners;
  readonly #newKey = randomKeys(Math.random);
  #user: string | undefined;
  #view: DigestView = loading;
  #hiddenAt: number | undefined;
  #cancelBeat: Cancel | undefined;
  #cancelRetry: Cancel | undefined;
  /** Number of the latest request for the digest; an older answer is ignored. */
  #generation = 0;

  constructor(client: Client, sight: PageSight) {
    this.#client = client;
    this.#sight = sight;
    // Any valid name will do: the reporter is the client's.
    this.#listeners = new ChangeListeners(reporterOf(client.channel("digest")), () =>
      this.#follow(),
    );
  }

  getSnapshot(): DigestView {
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async seen(): Promise<void> {
    const { digest } = this.#view;
    if (digest === undefined) return;
    const generation = this.#generation;
    await this.#report(digest.seen);
    // The digest was asked for again, or nobody follows it any more.
    if (generation !== this.#generation) return;
    this.#generation++;
    this.#show({ status: "seen", digest: undefined, error: undefined });
    this.#beat();
  }

  async seenOperation(operationId: string): Promise<void> {
    const channel = `operation:${operationId}`;
    const position = this.#view.digest?.seen.positions?.[channel];
    if (position === undefined) return;
    await this.#report({ positions: { [channel]: position } });
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const generation = ++this.#generation;
    const digest = (await this.#request("digest.get", {})) as Digest;
    if (generation !== this.#generation) return;
    this.#show({ status: "ready", digest, error: undefined });
    // Whoever was never here has nothing to see, and what happens from now on is live.
    if (digest.since === undefined) await this.seen();
  }

  #follow(): () => void {
    const begin = () =>
      followIdentity(this.#client, ({ user }) => {
        // Another person must not see this one's digest, not even while their own is asked for.
        if (user !== this.#user) this.#forget();
        this.#user = user;
        if (user === undefined) this.#show({ ...loading, status: "none" });
        else this.#load();
        return () => {};
      });
    let end = begin();
    const stop = followReopening(this.#client, () => {
      end();
      end = begin();
    });
    const unwatch = this.#sight.onChange(() => this.#turned());
    return () => {
      if (this.#view.status === "seen") void this.#report({ now: true }).catch(() => {});
      stop();
      end();
      unwatch();
      this.#forget();
    };
  }

  /** Drops the digest, and every answer that is still on its way. */
  #forget(): void {
    this.#cancelBeat?.();
    this.#cancelRetry?.();
    this.#generation++;
    this.#show(loading);
  }

  /** Asks for the digest, and again after a failure that may pass. */
  #load(): void {
    this.#cancelRetry?.();
    const answered = this.refresh();
    const generation = this.#generation;
    answered.catch((thrown: unknown) => {
      if (generation !== this.#generation) return;
      const error = thrown instanceof MilepostError ? thrown : undefined;
      if (error?.retryable === true) {
        this.#cancelRetry = this.#client.clock.after(retryMs, () => this.#load());
      } else this.#show({ status: "failed", digest: undefined, error });
    });
  }

  /** Called when the page has become visible or hidden. */
  #turned(): void {
    const { clock } = this.#client;
    if (!this.#sight.isVisible()) {
      this.#hiddenAt = clock.now();
      if (this.#view.status === "seen") void this.#report({ now: true }).catch(() => {});
      return;
    }
    const away = clock.now() - (this.#hiddenAt ?? clock.now());
    this.#hiddenAt = undefined;
    if (away >= periodMs && this.#view.status !== "none") this.#load();
  }

  /** Moves the last position while the page is visible and what happens is seen live. */
  #beat(): void {
    this.#cancelBeat?.();
    if (this.#listeners.size === 0) return;
    this.#cancelBeat = this.#client.clock.after(periodMs, () => {
      if (this.#view.status !== "seen") return;
      if (this.#sight.isVisible()) void this.#report({ now: true }).catch(() => {});
      this.#beat();
    });
  }

  async #report(report: SeenReport): Promise<void> {
    await this.#request("digest.seen", report);
  }

  #request(method: string, params: object): Promise<unknown> {
    // With a key, the request is sent again when the connection was lost before its answer. Repeating it is harmless.
    return this.#client.request(method as never, params as never, { key: this.#newKey() });
  }

  #show(view: DigestView): void {
    this.#view = view;
    this.#listeners.changed();
  }
}
