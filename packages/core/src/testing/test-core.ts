import { memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import {
  type ConnectOptions,
  type Core,
  type CoreOptions,
  createCore,
  type LimitOptions,
  type ServicePrincipal,
  type UserPrincipal,
} from "../index.ts";
import { testEncoder } from "./test-encoder.ts";
import { TestSocket } from "./test-socket.ts";

/** Warning or error that the core has logged. */
export interface LoggedFault {
  readonly level: "warn" | "error";
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

const many = 1e9;

/** Limits for tests of other bounds: no test that uses them reaches a limit of traffic. */
export const highRates = {
  connectionMessagesPerSecond: many,
  connectionBytesPerSecond: many,
  sessionMessagesPerSecond: many,
  sessionBytesPerSecond: many,
  userMessagesPerSecond: many,
  userBytesPerSecond: many,
} as const satisfies LimitOptions;

/**
 * Node on a manual clock, with helpers for tests. It uses the clock of the options if that one is a manual
 * clock, otherwise a new one. Disposing the object shuts the node down.
 */
export class TestCore implements AsyncDisposable {
  readonly core: Core;
  readonly clock: ManualClock;
  readonly random: SeededRandom;
  readonly faults: LoggedFault[] = [];
  /** Principal of a backend with an API key. */
  readonly service: ServicePrincipal = { kind: "service", name: "backend" };
  readonly json = testEncoder("milepost.v1.json");
  readonly short = testEncoder("milepost.v1.json", "short");
  readonly plain = testEncoder("plain");
  #readers = 0;
  readonly #tokens = new Map<string, UserPrincipal>();

  constructor(options: Partial<CoreOptions> = {}) {
    this.clock = options.clock instanceof ManualClock ? options.clock : new ManualClock();
    this.random = new SeededRandom();
    this.core = createCore({
      engine: memoryEngine(),
      clock: this.clock,
      random: this.random,
      node: "node-1",
      verifyToken: (token) => this.#verify(token),
      log: {
        info: () => {},
        warn: (fields, message) => this.faults.push({ level: "warn", fields, message }),
        error: (fields, message) => this.faults.push({ level: "error", fields, message }),
      },
      ...options,
    });
  }

  /** Returns the principal of a user, without a session unless `rest` has one. */
  user(
    user: string | undefined,
    rest: Partial<Omit<UserPrincipal, "kind" | "user">> = {},
  ): UserPrincipal {
    return {
      kind: "user",
      user,
      session: undefined,
      grants: { subscribe: [], publish: [] },
      expiresAt: undefined,
      ...rest,
    };
  }

  /** Returns the principal of a user that no other connection has. A user may have only a few connections. */
  reader(rest: Partial<Omit<UserPrincipal, "kind" | "user">> = {}): UserPrincipal {
    return this.user(`reader${++this.#readers}`, rest);
  }

  /** Returns a token with which the node verifies the principal, until the principal's expiry. */
  token(principal: UserPrincipal): string {
    const token = `token-${this.#tokens.size}`;
    this.#tokens.set(token, principal);
    return token;
  }

  /** Opens a connection in the SDK's dialect (`json`) or in the plain dialect. */
  connect(options: ConnectOptions = {}, dialect: "json" | "short" | "plain" = "json"): TestSocket {
    const socket = new TestSocket(this[dialect]);
    socket.attach(this.core.connect(socket, options));
    return socket;
  }

  connectFeed(session: string, principal: UserPrincipal | undefined): TestSocket {
    const socket = new TestSocket(this.plain);
    socket.attach(this.core.connectFeed(socket, session, principal));
    return socket;
  }

  /** Publishes as the backend. */
  publish(channel: string, event: string, data: unknown, key?: string) {
    const options = key === undefined ? {} : { key };
    return this.core.channels.publish(this.service, channel, event, data, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clock.until(this.core.shutdown(0));
  }

  async #verify(token: string): Promise<UserPrincipal> {
    const principal = this.#tokens.get(token);
    if (principal === undefined) throw new MilepostError("unauthenticated", "no such token");
    if (principal.expiresAt !== undefined && principal.expiresAt <= this.clock.now()) {
      throw new MilepostError("token_expired", "the token has expired");
    }
    return principal;
  }
}

/** Creates a node on a manual clock. */
export function testCore(options: Partial<CoreOptions> = {}): TestCore {
  return new TestCore(options);
}
