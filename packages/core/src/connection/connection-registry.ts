import type { BaseConnection } from "./base-connection.ts";
import type { Connection } from "./connection.ts";

/** Everything attached to a node, and its connections by id. */
export class ConnectionRegistry {
  readonly #connections = new Set<BaseConnection>();
  readonly #byId = new Map<string, Connection>();
  #onEmpty: (() => void)[] = [];

  get size(): number {
    return this.#connections.size;
  }

  get all(): Iterable<BaseConnection> {
    return this.#connections;
  }

  add(connection: BaseConnection): void {
    this.#connections.add(connection);
  }

  delete(connection: BaseConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    const waiters = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiters) resolve();
  }

  /** Resolves when nothing is attached. */
  async empty(): Promise<void> {
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  byId(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  /** From now on the id is this connection's. */
  name(id: string, connection: Connection): void {
    this.#byId.set(id, connection);
  }

  /** Forgets the id, unless another connection has taken it over. */
  unname(id: string, connection: Connection): void {
    if (this.#byId.get(id) === connection) this.#byId.delete(id);
  }
}
