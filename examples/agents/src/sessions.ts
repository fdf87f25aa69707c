import { MilepostError } from "@milepost/protocol";

const ttlMs = 3_600_000;
const maxSessions = 10_000;

/** Session of a page. */
export interface Session {
  /** Text that the page puts into the path of its feed. It is a secret of the page. */
  readonly credential: string;
  /** Name of the session everywhere else. */
  readonly id: string;
}

/** Sessions of the example's pages, registered at the gateway as any backend does it: over HTTP with its API key. */
export class Sessions {
  readonly #gateway: () => string;
  readonly #apiKey: string;
  readonly #ids = new Map<string, string>();

  /** `gateway` returns the address of the gateway. */
  constructor(gateway: () => string, apiKey: string) {
    this.#gateway = gateway;
    this.#apiKey = apiKey;
  }

  /** Registers a new session for an hour. */
  async begin(): Promise<Session> {
    const answer = await fetch(`${this.#gateway()}/v1/sessions`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ ttl_ms: ttlMs, credential: true }),
    });
    if (!answer.ok) throw new Error(`the gateway registered no session: ${await answer.text()}`);
    const { session_id: id, credential } = (await answer.json()) as {
      readonly session_id: string;
      readonly credential: string;
    };
    this.#ids.set(credential, id);
    const [oldest] = this.#ids.keys();
    if (this.#ids.size > maxSessions && oldest !== undefined) this.#ids.delete(oldest);
    return { credential, id };
  }

  /** Returns the session with this credential; throws `unauthenticated` if the example began none. */
  of(credential: unknown): Session {
    const id = typeof credential === "string" ? this.#ids.get(credential) : undefined;
    if (id === undefined || typeof credential !== "string") {
      throw new MilepostError(
        "unauthenticated",
        "the session is unknown; begin one with POST /api/sessions",
      );
    }
    return { credential, id };
  }
}
