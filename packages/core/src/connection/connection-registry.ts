import type { AddressableClient, ConnectedClient } from "./connected-client.ts";

/** All clients connected to this node. Clients that accept upstream messages can be found by id. */
export class ConnectionRegistry {
  readonly #clients = new Set<ConnectedClient>();
  readonly #passing = new Set<ConnectedClient>();
  readonly #byId = new Map<string, AddressableClient>();
  #onEmpty: (() => void)[] = [];

  /** Number of connections that count in statistics and limits: the {@link staying} clients. */
  get size(): number {
    return this.#clients.size;
  }

  /** Clients with a lasting connection, without those that exist for just one upstream request. */
  get staying(): Iterable<ConnectedClient> {
    return this.#clients;
  }

  get all(): Iterable<ConnectedClient> {
    return this.#all();
  }

  /** Adds a client; `passes` is true if the client exists for just one upstream request. */
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

  /** Makes a client reachable under an id, in place of any client that had the id before. */
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
