import { isRecord, MilepostError, readRefusal } from "@milepost/protocol";

/** Storage of a page that outlives its tabs: `localStorage`. */
export type GuestStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Parts that {@link GuestToken} needs. */
export interface GuestTokenParts {
  /** Address of the gateway as the application wrote it. */
  readonly url: string;
  readonly userId: string;
  readonly storage: GuestStorage | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
}

interface StoredGuest {
  readonly token: string;
  readonly expires_at: number;
}

/** Time before the end of a token from which on another one is fetched, in milliseconds. */
const marginMs = 30_000;

/**
 * Token of the guest whose name is the page's own id for its visitor. The first page that claims the name gets the
 * token; it is kept in the storage, so that a reload and the other tabs are the same guest.
 */
export class GuestToken {
  readonly #parts: GuestTokenParts;
  readonly #key: string;
  #known: StoredGuest | undefined;

  constructor(parts: GuestTokenParts) {
    this.#parts = parts;
    this.#key = `milepost:guest:${parts.url}:${parts.userId}`;
  }

  /** Returns the token, and claims the name if there is none. Rejects with `already_exists` if another page has it. */
  async get(): Promise<string> {
    const stored = this.#read();
    if (stored !== undefined) return stored;
    const response = await this.#claim();
    if (response.ok) {
      const guest: unknown = await response.json();
      if (!isStored(guest)) throw new MilepostError("internal", "the gateway returned no guest");
      this.#write(guest);
      return guest.token;
    }
    const { failure } = await readRefusal(response);
    // Another tab of this page may have claimed the name meanwhile.
    const again = failure.code === "already_exists" ? this.#read() : undefined;
    if (again !== undefined) return again;
    throw MilepostError.from(failure);
  }

  /** Forgets a token that the gateway has rejected. */
  forget(): void {
    this.#known = undefined;
    try {
      this.#parts.storage?.removeItem(this.#key);
    } catch {
      // Without a storage there is nothing to forget.
    }
  }

  async #claim(): Promise<Response> {
    const { fetch, url, userId } = this.#parts;
    const base = new URL(url, globalThis.location?.href);
    base.protocol = base.protocol.replace(/^ws/, "http");
    const path = base.pathname.replace(/\/(ws\/?)?$/, "");
    return fetch(`${base.origin}${path}/v1/guests`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ claim: userId.replace(/^guest:/, "") }),
      cache: "no-store",
    });
  }

  #read(): string | undefined {
    let stored: unknown = this.#known;
    try {
      stored ??= JSON.parse(this.#parts.storage?.getItem(this.#key) ?? "null");
    } catch {
      return undefined;
    }
    if (!isStored(stored) || stored.expires_at - marginMs <= this.#parts.now()) return undefined;
    return stored.token;
  }

  #write({ token, expires_at }: StoredGuest): void {
    this.#known = { token, expires_at };
    try {
      this.#parts.storage?.setItem(this.#key, JSON.stringify(this.#known));
    } catch {
      // The page is this guest until it is loaded again.
    }
  }
}

function isStored(value: unknown): value is StoredGuest {
  return isRecord(value) && typeof value.token === "string" && typeof value.expires_at === "number";
}
