import type {
  Clock,
  Engine,
  LocatedConnection,
  RegisteredNode,
  RegistryQuery,
  Revocation,
} from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { ConnectedClient } from "../connection/connected-client.ts";
import { probeConnections } from "../limits/connection-probe.ts";
import type { QueueSignals } from "../queues/queue-signals.ts";
import { type Principal, personOf } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import type {
  ConnectionList,
  Connections,
  Disconnected,
  MoveOptions,
  NodeView,
  RevokeInput,
} from "./connection-admin-api.ts";
import type { ConnectionRegistration } from "./connection-registration.ts";
import { type ConnectionTarget, type NodeSignal, readNodeSignal } from "./node-signal.ts";
import type { PageVisibility } from "./page-visibility.ts";
import type { RevocationCache } from "./revocation-cache.ts";

const listed = 1_000;
const longestReason = 100;
const defaultMoveMs = 5_000;
const longestMoveMs = 600_000;
const defaultDrainMs = 10_000;
const dayMs = 86_400_000;
const longestMemoryMs = 400 * dayMs;

/** Parts of the node context that {@link ConnectionAdmin} uses. */
export interface ConnectionAdminContext {
  readonly node: string;
  readonly engine: Pick<Engine, "signals" | "registry" | "revocations">;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly connections: {
    readonly all: Iterable<ConnectedClient>;
    readonly staying: Iterable<ConnectedClient>;
  };
  readonly registration: ConnectionRegistration;
  readonly revocations: RevocationCache;
  readonly visibility: PageVisibility;
  readonly errorLog: ErrorLog;
  readonly queues: { readonly signals: Pick<QueueSignals, "receive"> };
}

/**
 * Administration of connections on all nodes: list, disconnect, move and revoke. Only services may call it.
 *
 * This node applies a command to its own connections at once and sends it to the other nodes, which apply it to
 * their own connections.
 */
export class ConnectionAdmin implements Connections {
  readonly #context: ConnectionAdminContext;
  #listens = false;
  #isDraining = false;
  #listening: Promise<void> | undefined;

  constructor(context: ConnectionAdminContext) {
    this.#context = context;
  }

  /** Starts listening to the signals of other nodes. Does nothing if it listens already. */
  async listen(): Promise<void> {
    if (this.#listens) return;
    const { engine, node, errorLog } = this.#context;
    const lookAgain = () => void this.refreshRevocations().catch(errorLog.report);
    const listener = (value: unknown) => {
      const signal = readNodeSignal(value);
      if (signal !== undefined) this.#onSignal(signal);
    };
    this.#listening ??= engine.signals
      .listen(node, listener, lookAgain)
      .finally(() => (this.#listening = undefined));
    await this.#listening;
    this.#listens = true;
  }

  /** Reads new revocations from the store and applies them to this node's connections. */
  async refreshRevocations(): Promise<void> {
    const { revocations, connections } = this.#context;
    revocations.forget();
    if (!(await revocations.refresh())) return;
    for (const connection of [...connections.all]) connection.reauthorise();
  }

  /** Checks a session again for all connections of this node that belong to it. */
  recheckSession(session: string): void {
    for (const connection of this.#matching({ session })) connection.recheckSession();
  }

  async list(principal: Principal, target: ConnectionTarget): Promise<ConnectionList> {
    requireService(principal, "connections");
    const { registration, engine } = this.#context;
    await registration.settle();
    const nodes = await registration.refresh();
    const found: LocatedConnection[] = [];
    for (const query of queriesOf(target, nodes)) {
      found.push(...(await engine.registry.list(query, listed - found.length)));
      if (found.length >= listed) break;
    }
    const nameOf = new Map(nodes.map(({ id, name }) => [id, name]));
    return {
      connections: found.map(({ id, user, session, consumer, since, node }) => ({
        connection_id: id,
        ...(user === undefined ? {} : { user_id: user }),
        ...(session === undefined ? {} : { session_id: session }),
        node: nameOf.get(node) ?? node,
        consumer,
        since,
      })),
    };
  }

  async nodes(principal: Principal): Promise<readonly NodeView[]> {
    requireService(principal, "connections");
    const nodes = await this.#context.registration.refresh();
    return nodes.map(({ name, connections, since, report }) => ({
      node: name,
      connections,
      since,
      ...(report === undefined ? {} : { report }),
    }));
  }

  async disconnect(
    principal: Principal,
    target: ConnectionTarget,
    reason = "disconnected by the service",
  ): Promise<Disconnected> {
    const { connections } = await this.list(principal, target);
    if (reason.length > longestReason) {
      throw new MilepostError(
        "bad_message",
        `the reason is longer than ${longestReason} characters; shorten it`,
      );
    }
    await this.#signal({ kind: "disconnect", target, reason }, target);
    return { connections: connections.length };
  }

  async move(
    principal: Principal,
    target: ConnectionTarget,
    { minMs = 0, maxMs = defaultMoveMs }: MoveOptions = {},
  ): Promise<Disconnected> {
    const { connections } = await this.list(principal, target);
    if (!(minMs >= 0 && minMs <= maxMs && maxMs <= longestMoveMs)) {
      const message = `min_ms and max_ms must satisfy 0 <= min_ms <= max_ms <= ${longestMoveMs}`;
      throw new MilepostError("bad_message", message);
    }
    await this.#signal({ kind: "move", target, minMs, maxMs }, target);
    return { connections: connections.length };
  }

  /** True while this node is out of service at an administrator's wish. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  async drain(
    principal: Principal,
    node: string,
    isOn: boolean,
    maxMs = defaultDrainMs,
  ): Promise<Disconnected> {
    requireService(principal, "connections");
    if (!(maxMs >= 0) || maxMs > longestMoveMs) {
      throw new MilepostError("bad_message", `max_ms must be 0 to ${longestMoveMs}`);
    }
    const nodes = await this.nodes(principal);
    const found = nodes.find(({ node: name }) => name === node);
    if (found === undefined) {
      throw new MilepostError("not_found", "no live node has this name; GET /v1/nodes lists them");
    }
    await this.#signal({ kind: "drain", node, isOn, maxMs }, { node });
    return { connections: isOn ? found.connections : 0 };
  }

  async revoke(principal: Principal, input: RevokeInput): Promise<void> {
    requireService(principal, "connections");
    const { engine, clock } = this.#context;
    const { grants, ttlMs = dayMs } = input;
    if (!(ttlMs >= 1_000 && ttlMs <= longestMemoryMs)) {
      const message =
        "ttl_ms must be 1,000 (1 second) to 34,560,000,000 (400 days); use the lifetime of your longest-lived token";
      throw new MilepostError("bad_message", message);
    }
    const at = clock.now();
    const revocation: Revocation = {
      ...ofInput(input),
      at,
      until: at + ttlMs,
      ...(grants === undefined ? {} : { grants }),
    };
    await engine.revocations.add(revocation, ttlMs);
    // The revocation is stored: every node reads it with its next heartbeat, even if the signal is lost.
    await this.refreshRevocations();
    await engine.signals.send({ kind: "revoked" } satisfies NodeSignal);
  }

  async #signal(signal: NodeSignal, target: ConnectionTarget): Promise<void> {
    const { engine, node } = this.#context;
    const to = "node" in target ? target.node : undefined;
    if (to === undefined || to === node) this.#onSignal(signal);
    if (to !== node) await engine.signals.send(signal, to);
  }

  #onSignal(signal: NodeSignal): void {
    const { errorLog } = this.#context;
    switch (signal.kind) {
      case "revoked":
        void this.refreshRevocations().catch(errorLog.report);
        return;
      case "queue":
        this.#context.queues.signals.receive(signal);
        return;
      case "session":
        this.recheckSession(signal.session);
        return;
      case "probe":
        void probeConnections(this.#context, signal.target).catch(errorLog.report);
        return;
      case "replace":
        this.#replace(signal);
        return;
      case "who-sees":
        void this.#context.visibility.answer(signal).catch(errorLog.report);
        return;
      case "seen":
        this.#context.visibility.onSeen(signal.user);
        return;
      case "disconnect":
        for (const connection of this.#matching(signal.target))
          connection.close(4410, signal.reason);
        return;
      case "move":
        void this.#move(signal);
        return;
      case "drain":
        this.#drain(signal);
        return;
    }
  }

  #replace({ connection, by, user, session }: NodeSignal & { kind: "replace" }): void {
    if (by === this.#context.node) return;
    for (const client of this.#matching({ connection })) {
      const { principal } = client;
      const person = personOf(principal);
      if (person.user !== user || person.session !== session) return;
      if (user === undefined && session === undefined) return;
      client.close(4001, "the connection continues elsewhere");
    }
  }

  #drain({ isOn, maxMs, node }: NodeSignal & { kind: "drain" }): void {
    if (node !== this.#context.node || isOn === this.#isDraining) return;
    this.#isDraining = isOn;
    if (isOn) void this.#move({ kind: "move", target: { node }, minMs: 0, maxMs });
  }

  async #move({ target, minMs, maxMs }: NodeSignal & { kind: "move" }): Promise<void> {
    const moved = this.#matching(target);
    for (const connection of moved) connection.announceMove({ min_ms: minMs, max_ms: maxMs });
    await this.#context.wheel.pause(maxMs);
    for (const connection of moved) connection.close(4001, "the connection continues elsewhere");
  }

  #matching(target: ConnectionTarget): readonly ConnectedClient[] {
    const { connections, node } = this.#context;
    return [...connections.all].filter((connection) => {
      if (!connection.isOpen) return false;
      if ("node" in target) return target.node === node;
      if ("connection" in target) return target.connection === connection.id;
      if ("user" in target) return target.user === personOf(connection.principal).user;
      return target.session === personOf(connection.principal).session;
    });
  }
}

function queriesOf(
  target: ConnectionTarget,
  nodes: readonly RegisteredNode[],
): readonly RegistryQuery[] {
  if (!("node" in target)) return [target];
  return nodes.filter(({ name }) => name === target.node).map(({ id }) => ({ node: id }));
}

function ofInput(input: RevokeInput): Pick<Revocation, "of" | "id"> {
  if ("user" in input) return { of: "user", id: input.user };
  return "session" in input
    ? { of: "session", id: input.session }
    : { of: "token", id: input.token };
}
