import type {
  ConnectionClaim,
  LocatedConnection,
  OwnerKind,
  RegisteredConnection,
  RegisteredNode,
  Registry,
  RegistryChange,
  RegistryQuery,
} from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Maximum number of changes per script call. */
const changesPerCall = 500;
/**
 * Time that the nodes, and the list of a node's connections, are kept after the last refresh or change, in
 * milliseconds. Live nodes enter each connection again within half of that.
 */
const keptMs = 3_600_000;
const sweptPage = 1_000;

/** Age from which a claim counts as lost that has not become a connection, in milliseconds. */
const claimMs = 10_000;
const ownerKinds = ["user", "session"] as const;

/** A claim on the number of one owner. */
interface OwnerClaim extends OwnerChange {
  readonly kind: OwnerKind;
  readonly limit: number;
  /** Index of the claim that it is part of. */
  readonly index: number;
}

interface OwnerChange {
  readonly key: string;
  readonly since: string;
  readonly member: string;
}

/**
 * Registry of nodes and their connections.
 *
 * The nodes are in one hash slot, and the connections of each node in another. The lists of users and sessions
 * are in 64 buckets, by the hash of their names, and each bucket is in one hash slot. Thousands of reconnects
 * therefore need few calls. A node's own list is authoritative: a connection that is in an owner's list but not
 * in the node's list is never returned. It expires with the owner's list, two hours after a connection was last
 * entered there. The lists therefore need no common atomic step.
 */
export class RedisRegistry implements Registry {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async refresh(node: RegisteredNode, ttlMs: number) {
    const now = this.#clock.now();
    const until = (Number(now) + ttlMs).toFixed(0);
    const args = [now, node.id, until, JSON.stringify(node), String(keptMs)];
    const [answer] = await Promise.all([
      this.#link.run(scripts.nodeRefresh, this.#keys.nodes(), args),
      this.#link.run(
        scripts.connectionsChange,
        [this.#keys.connections(node.id)],
        [String(keptMs), "0"],
      ),
    ]);
    const [isNew, ...nodes] = answer as readonly string[];
    return { nodes: readNodes(nodes), isNew: isNew === "1" };
  }

  async nodes(): Promise<readonly RegisteredNode[]> {
    const args = [this.#clock.now()];
    const nodes = await this.#link.run(scripts.nodeList, this.#keys.nodes(), args);
    return readNodes(nodes as readonly string[]);
  }

  async change(node: string, { enter, leave }: RegistryChange): Promise<void> {
    const calls: Promise<unknown>[] = [];
    const list = [this.#keys.connections(node)];
    for (const page of pagesOf(enter, changesPerCall)) {
      const pairs = page.flatMap((connection) => [connection.id, JSON.stringify(connection)]);
      const args = [String(keptMs), String(page.length), ...pairs];
      calls.push(this.#link.run(scripts.connectionsChange, list, args));
    }
    for (const page of pagesOf(leave, changesPerCall)) {
      const args = [String(keptMs), "0", ...page.map(({ id }) => id)];
      calls.push(this.#link.run(scripts.connectionsChange, list, args));
    }
    calls.push(...this.#changeOwners(node, { enter, leave }));
    await Promise.all(calls);
  }

  async claim(
    node: string,
    claims: readonly ConnectionClaim[],
  ): Promise<readonly (OwnerKind | undefined)[]> {
    const buckets = new Map<string, OwnerClaim[]>();
    // The age of a claim is measured by the clock of Redis, on which all nodes agree.
    const since = this.#clock.now();
    for (const [index, { connection, limits }] of claims.entries()) {
      for (const kind of ownerKinds) {
        const id = connection[kind];
        const limit = limits[kind];
        if (id === undefined || limit === undefined) continue;
        const { bucket, key } = this.#keys.owner(kind, id);
        const member = `${connection.id} ${node}`;
        const list = buckets.get(bucket) ?? [];
        buckets.set(bucket, list);
        list.push({ key, since, member, kind, limit, index });
      }
    }
    const pages = [...buckets.values()].flatMap((all) => pagesOf(all, changesPerCall));
    const answers = await Promise.all(pages.map((page) => this.#claimPage(page)));
    const full: (OwnerKind | undefined)[] = claims.map(() => undefined);
    for (const { index, kind } of answers.flatMap(({ refused }) => refused)) full[index] ??= kind;
    const undone = answers
      .flatMap(({ counted }) => counted)
      .filter(({ index }) => full[index] !== undefined);
    // A connection that one owner may not have is not counted for the other.
    await Promise.all(
      undone.map(({ key, member }) =>
        this.#link.run(scripts.ownersChange, [key], [String(2 * keptMs), "-", member]),
      ),
    );
    return full;
  }

  async recount(owner: { readonly user: string } | { readonly session: string }): Promise<void> {
    const { key } =
      "user" in owner
        ? this.#keys.owner("user", owner.user)
        : this.#keys.owner("session", owner.session);
    const args = ["0", String(changesPerCall)];
    const [members, nodes] = await Promise.all([
      this.#link.run(scripts.ownerPage, [key], args) as Promise<string[]>,
      this.nodes(),
    ]);
    const live = new Set(nodes.map(({ id }) => id));
    const listed = await this.#ofOwner(key, live, changesPerCall);
    const known = new Set(listed.map(({ id, node }) => `${id} ${node}`));
    const lost = members.filter((member) => !known.has(member));
    if (lost.length === 0) return;
    const before = (Number(this.#clock.now()) - claimMs).toFixed(0);
    await this.#link.run(scripts.ownerRecount, [key], [before, ...lost]);
  }

  async list(query: RegistryQuery, limit: number): Promise<readonly LocatedConnection[]> {
    const nodes = (await this.nodes()).map(({ id }) => id);
    if ("node" in query) {
      if (!nodes.includes(query.node)) return [];
      return (await this.#page(query.node, limit)).map(at(query.node));
    }
    if ("connection" in query) {
      const all = await Promise.all(nodes.map((node) => this.#get(node, [query.connection])));
      return all.flat().slice(0, limit);
    }
    const [kind, id] =
      "user" in query ? (["user", query.user] as const) : (["session", query.session] as const);
    return this.#ofOwner(this.#keys.owner(kind, id).key, new Set(nodes), limit);
  }

  async leave(node: string): Promise<void> {
    for (;;) {
      const page = await this.#page(node, sweptPage);
      if (page.length === 0) break;
      await this.change(node, { enter: [], leave: page });
    }
    await this.#link.remove([this.#keys.connections(node)]);
    // The node is removed last, so that an interrupted sweep is repeated.
    await this.#link.run(scripts.nodeRemove, this.#keys.nodes(), [node]);
  }

  async sweep(): Promise<number> {
    const args = [this.#clock.now()];
    const dead = (await this.#link.run(scripts.nodeDead, this.#keys.nodes(), args)) as string[];
    for (const node of dead) await this.leave(node);
    return dead.length;
  }

  async #claimPage(page: readonly OwnerClaim[]) {
    const args = page.flatMap(({ since, member, limit }) => [since, member, String(limit)]);
    const keys = page.map(({ key }) => key);
    const answer = await this.#link.run(scripts.ownersClaim, keys, [String(2 * keptMs), ...args]);
    const isCounted = (answer as readonly number[]).map((one) => Number(one) === 1);
    return {
      counted: page.filter((_, at) => isCounted[at] === true),
      refused: page.filter((_, at) => isCounted[at] !== true),
    };
  }

  #changeOwners(node: string, { enter, leave }: RegistryChange): Promise<unknown>[] {
    const buckets = new Map<string, OwnerChange[]>();
    const note = (connection: RegisteredConnection, since: string) => {
      for (const kind of ["user", "session"] as const) {
        const id = connection[kind];
        if (id === undefined) continue;
        const { bucket, key } = this.#keys.owner(kind, id);
        const change = { key, since, member: `${connection.id} ${node}` };
        const changes = buckets.get(bucket);
        if (changes === undefined) buckets.set(bucket, [change]);
        else changes.push(change);
      }
    };
    for (const connection of leave) note(connection, "-");
    for (const connection of enter) note(connection, String(connection.since));
    return [...buckets.values()]
      .flatMap((changes) => pagesOf(changes, changesPerCall))
      .map((changes) =>
        this.#link.run(
          scripts.ownersChange,
          changes.map(({ key }) => key),
          [String(2 * keptMs), ...changes.flatMap(({ since, member }) => [since, member])],
        ),
      );
  }

  async #ofOwner(
    key: string,
    nodes: ReadonlySet<string>,
    limit: number,
  ): Promise<readonly LocatedConnection[]> {
    const found: LocatedConnection[] = [];
    for (let after = 0; found.length < limit; after += changesPerCall) {
      const args = [String(after), String(changesPerCall)];
      const members = (await this.#link.run(scripts.ownerPage, [key], args)) as string[];
      const idsAt = new Map<string, string[]>();
      for (const member of members) {
        const split = member.indexOf(" ");
        const node = member.slice(split + 1);
        if (!nodes.has(node)) continue;
        const ids = idsAt.get(node);
        if (ids === undefined) idsAt.set(node, [member.slice(0, split)]);
        else ids.push(member.slice(0, split));
      }
      const pages = await Promise.all([...idsAt].map(([node, ids]) => this.#get(node, ids)));
      found.push(...pages.flat().toSorted((a, b) => a.since - b.since));
      if (members.length < changesPerCall) break;
    }
    return found.slice(0, limit);
  }

  async #get(node: string, ids: readonly string[]): Promise<readonly LocatedConnection[]> {
    const list = [this.#keys.connections(node)];
    const found = (await this.#link.run(scripts.connectionsGet, list, ids)) as (string | null)[];
    return found.flatMap((json) => (json === null ? [] : [at(node)(readConnection(json))]));
  }

  async #page(node: string, limit: number): Promise<readonly RegisteredConnection[]> {
    const list = [this.#keys.connections(node)];
    const found = await this.#link.run(scripts.connectionsPage, list, [String(limit)]);
    return (found as readonly string[]).map(readConnection);
  }
}

function readNodes(texts: readonly string[]): readonly RegisteredNode[] {
  const nodes = texts.map((json) => JSON.parse(json) as RegisteredNode);
  return nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readConnection(json: string): RegisteredConnection {
  return JSON.parse(json) as RegisteredConnection;
}

function at(node: string): (connection: RegisteredConnection) => LocatedConnection {
  return (connection) => ({ ...connection, node });
}

function pagesOf<T>(items: readonly T[], size: number): T[][] {
  const pages: T[][] = [];
  for (let from = 0; from < items.length; from += size) pages.push(items.slice(from, from + size));
  return pages;
}
