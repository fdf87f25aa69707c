import type { Clock, Engine, Random } from "@milepost/engine";
import { isRecord, MilepostError, parseJson } from "@milepost/protocol";
import type { Admission } from "../cluster/admission.ts";
import { isGuestName, type Principal, type UserPrincipal } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { IssuedTicket, TicketContent, Tickets } from "./tickets-api.ts";

/** Time in which a ticket must be used, in milliseconds. */
const ticketMs = 30_000;
/** Characters of a ticket: 258 random bits. */
const ticketLength = 43;
const form = new RegExp(`^[A-Za-z0-9_-]{${ticketLength}}$`);
const defaultTtlMs = 3_600_000;
const maxTtlMs = 30 * 86_400_000;
/** Longest time for which a stream may show its ticket again, in milliseconds. */
const maxStreamMs = 86_400_000;
const maxStreamLength = 16_384;

/** Parts of the node that the {@link TicketService} uses. */
export interface TicketContext {
  readonly engine: Pick<Engine, "records">;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: Pick<Admission, "admit">;
}

/**
 * Tickets in the store, so that each is used up once over all nodes. The store holds what the ticket's principal may
 * do, never its token.
 */
export class TicketService implements Tickets {
  readonly #context: TicketContext;

  constructor(context: TicketContext) {
    this.#context = context;
  }

  async issue(principal: Principal, content: TicketContent = {}): Promise<IssuedTicket> {
    const { engine, clock, random } = this.#context;
    if (principal.kind === "service") requireService(principal, "tickets");
    const held = principal.kind === "user" ? own(principal, content) : this.#made(content);
    const ticket = random.id(ticketLength);
    await engine.records.put("ticket", ticket, JSON.stringify(held), ticketMs);
    return { ticket, expires_at: Math.round(clock.now()) + ticketMs };
  }

  async use(ticket: string, stream?: string): Promise<UserPrincipal> {
    if (!form.test(ticket) || (stream !== undefined && stream.length > maxStreamLength))
      throw unknown();
    const { records } = this.#context.engine;
    const taken = await records.take("ticket", ticket);
    if (taken !== undefined) {
      const principal = await this.#admitted(taken.value);
      if (stream !== undefined) await this.#keep(ticket, stream, taken.value, principal);
      return principal;
    }
    const kept = stream === undefined ? undefined : await records.get("ticket-stream", ticket);
    const at = kept?.value.indexOf("\n") ?? -1;
    if (kept === undefined || kept.value.slice(0, at) !== stream) throw unknown();
    return this.#admitted(kept.value.slice(at + 1));
  }

  /** Keeps a ticket for its stream, because `EventSource` reconnects with the same URL. */
  async #keep(
    ticket: string,
    stream: string,
    value: string,
    { expiresAt }: UserPrincipal,
  ): Promise<void> {
    const left = (expiresAt ?? Number.POSITIVE_INFINITY) - this.#context.clock.now();
    const ttlMs = Math.min(left, maxStreamMs);
    await this.#context.engine.records.put("ticket-stream", ticket, `${stream}\n${value}`, ttlMs);
  }

  async #admitted(value: string): Promise<UserPrincipal> {
    const json = parseJson(value);
    if (!json.ok || !isRecord(json.value)) throw unknown();
    const held = json.value as Partial<UserPrincipal>;
    const principal: UserPrincipal = {
      ...held,
      kind: "user",
      user: held.user,
      session: held.session,
      grants: held.grants ?? { subscribe: [], publish: [] },
      expiresAt: held.expiresAt,
    };
    if (principal.expiresAt !== undefined && principal.expiresAt <= this.#context.clock.now()) {
      throw new MilepostError(
        "token_expired",
        "the token of the ticket has expired; get a new one",
      );
    }
    return (await this.#context.admission.admit(principal)) as UserPrincipal;
  }

  #made({ user, session, channels = {}, ttlMs = defaultTtlMs }: TicketContent): UserPrincipal {
    if (user === undefined && session === undefined) {
      throw new MilepostError("bad_message", "name the user or the session of the ticket");
    }
    if (isGuestName(user)) {
      throw new MilepostError(
        "bad_message",
        "user must not begin with guest:; guests have their own tokens",
      );
    }
    if (!(ttlMs >= 1_000 && ttlMs <= maxTtlMs)) {
      throw new MilepostError(
        "bad_message",
        "ttl_ms must be 1,000 (1 second) to 2,592,000,000 (30 days)",
      );
    }
    const now = this.#context.clock.now();
    return {
      kind: "user",
      user,
      session,
      grants: { subscribe: [], publish: [], ...channels },
      expiresAt: now + ttlMs,
      issuedAt: now,
    };
  }
}

function own(principal: UserPrincipal, content: TicketContent): UserPrincipal {
  if (Object.values(content).every((value) => value === undefined)) return principal;
  throw new MilepostError(
    "bad_message",
    "a ticket for a token is for that token's user; only an API key names whom it is for",
  );
}

function unknown(): MilepostError {
  return new MilepostError(
    "unauthenticated",
    "the ticket is not valid: it is unknown, older than 30 s or was used before; get a new one",
  );
}
