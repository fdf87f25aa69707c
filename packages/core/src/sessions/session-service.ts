import { type Clock, type Engine, type Random, SerialQueues } from "@milepost/engine";
import { encodeId, idRule, isId, MilepostError } from "@milepost/protocol";
import type { Connections } from "../cluster/connection-admin-api.ts";
import type { NodeSignal } from "../cluster/node-signal.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import {
  readSessionRecord,
  type SessionRecord,
  sessionSecretLength,
  splitCredential,
} from "./session-record.ts";
import type {
  RegisteredSession,
  RegisterSession,
  SessionCheck,
  SessionOptions,
  Sessions,
  SessionView,
} from "./sessions-api.ts";

const space = "session";
const minTtlMs = 1_000;
const maxTtlMs = 400 * 86_400_000;
const madeIdLength = 22;

/** Parts of the node that the {@link SessionService} uses. */
export interface SessionContext {
  readonly engine: Pick<Engine, "records" | "signals">;
  readonly clock: Clock;
  readonly random: Random;
  readonly connections: Pick<Connections, "revoke">;
  /** Applies a change of a session to the connections of this node. */
  readonly recheck: (session: string) => void;
  readonly instruments: Pick<CoreInstruments, "sessionChecks">;
}

/**
 * Sessions that the backend registers. A node reads them from the store when a credential with a session arrives,
 * and again when the end that it knows has come.
 */
export class SessionService implements Sessions, SessionCheck {
  readonly #context: SessionContext;
  readonly #options: SessionOptions | undefined;
  readonly #queues = new SerialQueues();

  /** Creates the service. Without options, sessions need no registration and none can be registered. */
  constructor(context: SessionContext, options: SessionOptions | undefined) {
    this.#context = context;
    this.#options = options;
  }

  async register(
    principal: Principal,
    id: string | undefined,
    input: RegisterSession,
  ): Promise<RegisteredSession> {
    requireService(principal, "sessions");
    const options = this.#required();
    const { user, ttlMs, credential = false } = input;
    if (!(ttlMs >= minTtlMs && ttlMs <= maxTtlMs)) {
      throw new MilepostError(
        "bad_message",
        "ttl_ms must be 1,000 (1 second) to 34,560,000,000 (400 days)",
      );
    }
    if (credential && options.credentials !== true) {
      throw new MilepostError(
        "not_supported",
        "sessions have no credential of their own here; set sessions.credentials to true",
      );
    }
    const session = id ?? `s-${this.#context.random.id(madeIdLength)}`;
    requireSessionId(session);
    if (user !== undefined && !isId(user)) throw new MilepostError("bad_message", `user ${idRule}`);
    return this.#queues.run(session, () =>
      this.#register(session, user, ttlMs, credential, options),
    );
  }

  async get(principal: Principal, id: string): Promise<SessionView> {
    requireService(principal, "sessions");
    this.#required();
    const found = await this.#read(encodeId(id));
    if (found === undefined) {
      throw new MilepostError("not_found", "there is no registered session with this id");
    }
    return viewOf(found.record, found.endsAt);
  }

  async end(principal: Principal, id: string): Promise<void> {
    requireService(principal, "sessions");
    this.#required();
    requireSessionId(id);
    await this.#context.engine.records.take(space, encodeId(id));
    // The revocation reaches every node with its next heartbeat, even if a signal is lost.
    await this.#context.connections.revoke(principal, { session: id });
  }

  check(principal: UserPrincipal): UserPrincipal | Promise<UserPrincipal> {
    const { session } = principal;
    if (this.#options === undefined || session === undefined) return principal;
    return this.#checkSession(principal, session);
  }

  async #checkSession(principal: UserPrincipal, session: string): Promise<UserPrincipal> {
    const { user } = principal;
    const { sessionChecks } = this.#context.instruments;
    try {
      const checked = await this.#endOf(session, user);
      sessionChecks[checked === undefined ? "refused" : "valid"].add(1);
      if (checked !== undefined) return { ...principal, sessionEndsAt: checked };
    } catch (error) {
      sessionChecks.unavailable.add(1);
      throw error;
    }
    throw invalidSession();
  }

  /**
   * Resolves with the principal of a session's own credential, which may read the feed of that session and nothing
   * else. Rejects with `unauthenticated` for any other text.
   */
  async open(credential: string): Promise<UserPrincipal> {
    const { credentials, digest } = this.#options ?? {};
    const parts = splitCredential(credential);
    if (credentials !== true || digest === undefined || parts === undefined) throw invalidSession();
    const found = await this.#read(parts.name);
    const matches = found?.record.digest === digest(parts.secret);
    this.#context.instruments.sessionChecks[matches ? "valid" : "refused"].add(1);
    if (found === undefined || !matches) throw invalidSession();
    const { id, user, since } = found.record;
    return {
      kind: "user",
      user,
      session: id,
      grants: { subscribe: [], publish: [] },
      expiresAt: undefined,
      issuedAt: since,
      sessionEndsAt: found.endsAt,
    };
  }

  async #register(
    session: string,
    user: string | undefined,
    ttlMs: number,
    wantsCredential: boolean,
    { digest }: SessionOptions,
  ): Promise<RegisteredSession> {
    const { engine, clock, random, recheck } = this.#context;
    const before = await this.#read(encodeId(session));
    const owner = before?.record.user;
    if (owner !== undefined && user !== undefined && owner !== user) {
      throw new MilepostError(
        "already_exists",
        "the session belongs to another user; end it first, or use another id",
      );
    }
    const makesSecret = wantsCredential && before?.record.digest === undefined;
    const secret = makesSecret ? random.id(sessionSecretLength) : undefined;
    const hash = secret === undefined ? before?.record.digest : digest(secret);
    const kept = user ?? owner;
    const now = clock.now();
    const record: SessionRecord = {
      id: session,
      since: before?.record.since ?? now,
      ...(kept === undefined ? {} : { user: kept }),
      ...(hash === undefined ? {} : { digest: hash }),
    };
    await engine.records.put(space, encodeId(session), JSON.stringify(record), ttlMs);
    const endsAt = now + ttlMs;
    const isNarrower = before !== undefined && (endsAt < before.endsAt || kept !== owner);
    if (isNarrower) {
      recheck(session);
      await engine.signals.send({ kind: "session", session } satisfies NodeSignal);
    }
    const view = viewOf(record, endsAt);
    return secret === undefined ? view : { ...view, credential: `${encodeId(session)}.${secret}` };
  }

  /** Returns the end of a session that this user may have; undefined if it is not valid. */
  async #endOf(session: string, user: string | undefined): Promise<number | undefined> {
    const found = await this.#read(encodeId(session));
    if (found !== undefined) {
      return isOf(found.record.user, user) ? found.endsAt : undefined;
    }
    const validated = await this.#options?.validate?.(session, user);
    if (validated === undefined || validated.endsAt <= this.#context.clock.now()) return undefined;
    return isOf(validated.user, user) ? validated.endsAt : undefined;
  }

  async #read(
    name: string,
  ): Promise<{ readonly record: SessionRecord; readonly endsAt: number } | undefined> {
    const found = await this.#context.engine.records.get(space, name);
    const record = found === undefined ? undefined : readSessionRecord(found.value);
    return found === undefined || record === undefined
      ? undefined
      : { record, endsAt: found.endsAt };
  }

  #required(): SessionOptions {
    if (this.#options !== undefined) return this.#options;
    throw new MilepostError(
      "not_supported",
      'sessions need no registration here; set the setting sessions to {"required": true} to register them',
    );
  }
}

function isOf(owner: string | undefined, user: string | undefined): boolean {
  return owner === undefined || user === undefined || owner === user;
}

function viewOf({ id, user, digest }: SessionRecord, endsAt: number): SessionView {
  return {
    session_id: id,
    ...(user === undefined ? {} : { user_id: user }),
    expires_at: Math.round(endsAt),
    has_credential: digest !== undefined,
  };
}

function requireSessionId(id: string): void {
  if (isId(id)) return;
  throw new MilepostError("bad_message", `the id of a session ${idRule}`);
}

function invalidSession(): MilepostError {
  return new MilepostError(
    "unauthenticated",
    "the session is not registered or has ended; ask the backend for a new one",
  );
}
