import type { Attachment } from "./base-connection.ts";
import type { Connection } from "./connection.ts";

/** Everything attached to a node, and its connections by id. */
export class ConnectionRegistry {
  readonly #attachments = new Set<Attachment>();
  readonly #byId = new Map<string, Connection>();
  #onEmpty: (() => void)[] = [];

  get size(): number {
    return this.#attachments.size;
  }

  get all(): Iterable<Attachment> {
    return this.#attachments;
  }

  add(attachment: Attachment): void {
    this.#attachments.add(attachment);
  }

  delete(attachment: Attachment): void {
    this.#attachments.delete(attachment);
    if (this.#attachments.size > 0) return;
    const waiters = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiters) resolve();
  }

  /** Resolves when nothing is attached. */
  async empty(): Promise<void> {
    if (this.#attachments.size === 0) return;
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
