import type { AddressableClient, ConnectedClient } from "./connected-client.ts";

/** All clients attached to this node, and by id those that can be addressed. */
export class ConnectionRegistry {
  readonly #clients = new Set<ConnectedClient>();
  readonly #byId = new Map<string, AddressableClient>();
  #onEmpty: (() => void)[] = [];

  get size(): number {
    return this.#clients.size;
  }

  get all(): Iterable<ConnectedClient> {
    return this.#clients;
  }

  add(client: ConnectedClient): void {
    this.#clients.add(client);
  }

  delete(client: ConnectedClient): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    const waiters = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiters) resolve();
  }

  /** Resolves when no client is attached. */
  async empty(): Promise<void> {
    if (this.#clients.size === 0) return;
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
}
