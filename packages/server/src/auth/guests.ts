import { createHmac, timingSafeEqual } from "node:crypto";
import type { UserPrincipal } from "@milepost/core";
import type { Clock, Random } from "@milepost/engine";
import { encodeId, idRule, isId, MilepostError } from "@milepost/protocol";
import { AddressPace } from "./address-pace.ts";

/** Settings of guests: pages without a token. */
export interface GuestOptions {
  /** Lifetime of a guest, in milliseconds; default 604,800,000 (7 days). */
  readonly ttlMs?: number;
  /** Secret that signs the tokens of guests; default one that follows from the `tokenSecret`. */
  readonly secret?: string;
}

/** A new guest, and the token with which its page is the same guest again. */
export interface IssuedGuest {
  readonly guest_id: string;
  readonly token: string;
  /** Time at which the guest ends, in milliseconds since 1970. */
  readonly expires_at: number;
}

/** Parts that {@link Guests} needs. */
export interface GuestParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly tokenSecret?: string | Uint8Array;
  /** Resolves with true if nobody has taken the id of a guest yet, and keeps it for some time, over all nodes. */
  readonly claim: (id: string, ttlMs: number) => Promise<boolean>;
}

const defaultTtlMs = 7 * 86_400_000;
const idLength = 22;
/** Form of the ids that the gateway makes itself, which nobody may name. */
const ownId = /^[A-Za-z0-9_-]{22}$/;
const form = /^mpguest\.([A-Za-z0-9_.~-]{1,120})\.([0-9a-z]{1,11})\.([A-Za-z0-9_-]{43})$/;
/** New guests of one address: this many at once, and then one per interval. */
const pace = { burst: 30, intervalMs: 2_000 };

/**
 * Guests of a deployment. A guest's id comes from the gateway or from a backend, and its token is signed, so that every node knows the
 * guest and none stores it. The token has a form of its own: no verifier of user tokens accepts it.
 */
export class Guests {
  readonly #key: Buffer;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pace: AddressPace;
  readonly #claim: GuestParts["claim"];

  /** Throws a TypeError if there is neither a `secret` nor a `tokenSecret`. */
  constructor(options: GuestOptions, { clock, random, tokenSecret, claim }: GuestParts) {
    const secret = options.secret ?? tokenSecret;
    if (secret === undefined || secret.length < 32) {
      throw new TypeError("guests need a tokenSecret or guests.secret, of at least 32 bytes");
    }
    // The key differs from the secret, so that no signature of one kind can be taken for the other.
    this.#key = createHmac("sha256", secret).update("milepost guests").digest();
    this.#ttlMs = options.ttlMs ?? defaultTtlMs;
    this.#clock = clock;
    this.#random = random;
    this.#pace = new AddressPace(pace, clock);
    this.#claim = claim;
  }

  /**
   * Makes a new guest for a client at an address; undefined for an address that is not limited. Throws `rate_limited` if
   * the address has made too many guests.
   */
  issue(address: string | undefined): IssuedGuest {
    this.#charge(address);
    return this.#issue(this.#random.id(idLength));
  }

  /**
   * Returns the guest with a name that a backend chose, and a token for it. Its id is the encoded name. Throws
   * `bad_message` for a name that could be an id of the gateway's own guests, which would take over one of them.
   */
  issueNamed(name: string): IssuedGuest {
    const issued = this.#issue(idOfName(name));
    // The name is taken from now on. If the store cannot remember that, the backend's word still counts.
    this.#claim(issued.guest_id, this.#ttlMs).catch(() => {});
    return issued;
  }

  /**
   * Makes a new guest with a name that its page has chosen, for a client at an address. Rejects with `already_exists`
   * for a name that another page or a backend has taken, and with the errors of {@link issue}, {@link issueNamed} and
   * the claim.
   */
  async issueClaimed(name: string, address: string | undefined): Promise<IssuedGuest> {
    const id = idOfName(name);
    this.#charge(address);
    const issued = this.#issue(id);
    if (await this.#claim(id, this.#ttlMs)) return issued;
    throw new MilepostError(
      "already_exists",
      "this name belongs to a guest already; present the token of that guest, or choose another name",
    );
  }

  #charge(address: string | undefined): void {
    if (address !== undefined) this.#pace.take(address);
  }

  #issue(id: string): IssuedGuest {
    const expiresAt = Math.ceil(this.#clock.now() + this.#ttlMs);
    const body = `mpguest.${id}.${expiresAt.toString(36)}`;
    return { guest_id: id, token: `${body}.${this.#signature(body)}`, expires_at: expiresAt };
  }

  /** Returns the principal of a new guest, with its token. */
  admit(address: string | undefined): UserPrincipal {
    const { guest_id: guest, token: guestToken, expires_at: expiresAt } = this.issue(address);
    return { ...principalOf(guest, expiresAt), guestToken };
  }

  /** Returns the guest of a token; undefined for a text that is no token of a guest. Throws for a token that is not valid. */
  verify(token: string): UserPrincipal | undefined {
    if (!isGuestToken(token)) return undefined;
    const [, id = "", expiry = "", signature = ""] = form.exec(token) ?? [];
    const given = Buffer.from(signature);
    const right = Buffer.from(this.#signature(`mpguest.${id}.${expiry}`));
    if (given.length !== right.length || !timingSafeEqual(given, right)) {
      throw new MilepostError("unauthenticated", "the token of the guest is not valid");
    }
    const expiresAt = Number.parseInt(expiry, 36);
    if (expiresAt <= this.#clock.now()) {
      throw new MilepostError("token_expired", "the guest has expired; connect as a new one");
    }
    return principalOf(id, expiresAt);
  }

  #signature(body: string): string {
    return createHmac("sha256", this.#key).update(body).digest("base64url");
  }
}

/** Returns the id of the guest with a name. Throws `bad_message` for a name that nobody may have. */
function idOfName(name: string): string {
  if (!isId(name)) throw new MilepostError("bad_message", `the name of a guest ${idRule}`);
  if (ownId.test(name)) {
    throw new MilepostError(
      "bad_message",
      "a name of 22 characters of [A-Za-z0-9_-] could be another guest; use a name of another length",
    );
  }
  return encodeId(name);
}

/** True if a credential has the form of a guest's token, valid or not. */
export function isGuestToken(credential: string): boolean {
  return credential.startsWith("mpguest.");
}

function principalOf(guest: string, expiresAt: number): UserPrincipal {
  return {
    kind: "user",
    user: undefined,
    session: undefined,
    guest,
    grants: { subscribe: [], publish: [] },
    expiresAt,
  };
}
