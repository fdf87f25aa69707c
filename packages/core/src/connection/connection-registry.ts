import type { AddressableClient, ConnectedClient } from "./connected-client.ts";

/** All clients attached to this node, and by id those that can be addressed. */
export class ConnectionRegistry {
  readonly #clients = new Set<ConnectedClient>();
  readonly #passing = new Set<ConnectedClient>();
  readonly #byId = new Map<string, AddressableClient>();
  #onEmpty: (() => void)[] = [];

  /** Number of connections in statistics and limits: that of the {@link staying} clients. */
  get size(): number {
    return this.#clients.size;
  }

  /** Clients that stay, without those that last only as long as one request. */
  get staying(): Iterable<ConnectedClient> {
    return this.#clients;
  }

  get all(): Iterable<ConnectedClient> {
    return this.#all();
  }

  /** Adds a client; `passes` if it lasts only as long as one request. */
  add(client: ConnectedClient, passes = false): void {
    (passes ? this.#passing : this.#clients).add(client);
  }

  delete(client: ConnectedClient): void {
    this.#clients.delete(client);
    this.#passing.delete(client);
    if (this.#isOccupied) return;
    const waiters = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiters) resolve();
  }

  /** Resolves when no client is attached. */
  async empty(): Promise<void> {
    if (!this.#isOccupied) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  byId(id: string): AddressableClient | undefined {
    return this.#byId.get(id);
  }

  /** Gives an id to a client, in place of the one that had it. */
  name(id: string, client: AddressableClient): void {
    this.#byId.set(id, client);
  }

  /** Frees an id, unless another client has taken it over. */
  unname(id: string, client: AddressableClient): void {
    if (this.#byId.get(id) === client) this.#byId.delete(id);
  }

  get #isOccupied(): boolean {
    return this.#clients.size + this.#passing.size > 0;
  }

  *#all(): Generator<ConnectedClient> {
    yield* this.#clients;
    yield* this.#passing;
  }
}
