import type { StoreMemory, StoreWatch } from "@milepost/engine";
import type { LinkListener, RedisLink } from "./redis-link.ts";
import type { Script } from "./script.ts";

/** Receives the name of each script that was called, whether it was answered, and the time in milliseconds. */
export type OnCall = (script: string, isAnswered: boolean, ms: number) => void;

/** Link that reports each call of a script. */
export class CountedLink implements RedisLink {
  readonly #link: RedisLink;
  readonly #onCall: OnCall;

  constructor(link: RedisLink, onCall: OnCall) {
    this.#link = link;
    this.#onCall = onCall;
  }

  get publishCommand(): RedisLink["publishCommand"] {
    return this.#link.publishCommand;
  }

  get watch(): StoreWatch {
    return this.#link.watch;
  }

  get downSince(): number | undefined {
    return this.#link.downSince;
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const from = performance.now();
    const answer = this.#link.run(script, keys, args);
    answer.then(
      () => this.#onCall(script.name, true, performance.now() - from),
      () => this.#onCall(script.name, false, performance.now() - from),
    );
    return answer;
  }

  listen(listener: LinkListener): void {
    this.#link.listen(listener);
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#link.remove(keys);
  }

  subscribe(busChannels: readonly string[]): Promise<void> {
    return this.#link.subscribe(busChannels);
  }

  unsubscribe(busChannels: readonly string[]): Promise<void> {
    return this.#link.unsubscribe(busChannels);
  }

  memory(): Promise<StoreMemory> {
    return this.#link.memory();
  }

  now(): number | undefined {
    return this.#link.now();
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}
