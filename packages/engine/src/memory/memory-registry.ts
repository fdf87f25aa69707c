import type { Clock } from "../ports/clock.ts";
import type {
  ConnectionClaim,
  LocatedConnection,
  OwnerKind,
  RegisteredConnection,
  RegisteredNode,
  Registry,
  RegistryChange,
  RegistryQuery,
} from "../ports/registry.ts";

interface KnownNode {
  node: RegisteredNode | undefined;
  endsAt: number;
  readonly connections: Map<string, RegisteredConnection>;
}

/**
 * Registry of the nodes of one process and their connections. Finding a user's connections scans all of them.
 */
export class MemoryRegistry implements Registry {
  readonly #clock: Clock;
  readonly #nodes = new Map<string, KnownNode>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async refresh(node: RegisteredNode, ttlMs: number) {
    const known = this.#known(node.id);
    const isNew = known.node === undefined;
    known.node = node;
    known.endsAt = this.#clock.monotonic() + ttlMs;
    return { nodes: await this.nodes(), isNew };
  }

  async nodes(): Promise<readonly RegisteredNode[]> {
    const living = this.#living().flatMap(([, { node }]) => (node === undefined ? [] : [node]));
    return living.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async change(id: string, { enter, leave }: RegistryChange): Promise<void> {
    const { connections } = this.#known(id);
    for (const connection of leave) connections.delete(connection.id);
    for (const connection of enter) connections.set(connection.id, connection);
  }

  async claim(
    id: string,
    claims: readonly ConnectionClaim[],
  ): Promise<readonly (OwnerKind | undefined)[]> {
    const { connections } = this.#known(id);
    return claims.map(({ connection, limits }) => {
      const full = (["user", "session"] as const).find((kind) =>
        this.#isFull(kind, connection, limits[kind]),
      );
      if (full === undefined) connections.set(connection.id, connection);
      return full;
    });
  }

  /** Does nothing: a count never contains connections of dead nodes here. */
  async recount(): Promise<void> {}

  async list(query: RegistryQuery, limit: number): Promise<readonly LocatedConnection[]> {
    const found: LocatedConnection[] = [];
    for (const [node, { connections }] of this.#living()) {
      if ("node" in query && query.node !== node) continue;
      for (const connection of connections.values()) {
        if (matches(query, connection)) found.push({ ...connection, node });
      }
    }
    return found.sort((a, b) => a.since - b.since).slice(0, limit);
  }

  async leave(id: string): Promise<void> {
    this.#nodes.delete(id);
  }

  async sweep(): Promise<number> {
    const now = this.#clock.monotonic();
    const dead = [...this.#nodes].filter(([, { endsAt }]) => endsAt <= now);
    for (const [id] of dead) this.#nodes.delete(id);
    return dead.length;
  }

  #isFull(kind: OwnerKind, connection: RegisteredConnection, limit: number | undefined): boolean {
    const owner = connection[kind];
    if (owner === undefined || limit === undefined) return false;
    const now = this.#clock.monotonic();
    let count = 0;
    for (const { node, endsAt, connections } of this.#nodes.values()) {
      // A node may claim before its first refresh.
      if (node !== undefined && endsAt <= now) continue;
      for (const other of connections.values()) {
        if (other[kind] === owner && other.id !== connection.id) count++;
      }
    }
    return count >= limit;
  }

  #known(id: string): KnownNode {
    const known = this.#nodes.get(id);
    if (known !== undefined) return known;
    const made = { node: undefined, endsAt: 0, connections: new Map() };
    this.#nodes.set(id, made);
    return made;
  }

  #living(): [string, KnownNode][] {
    const now = this.#clock.monotonic();
    return [...this.#nodes].filter(([, { endsAt }]) => endsAt > now);
  }
}

function matches(query: RegistryQuery, { id, user, session }: RegisteredConnection): boolean {
  if ("connection" in query) return query.connection === id;
  if ("user" in query) return query.user === user;
  return "session" in query ? query.session === session : true;
}
