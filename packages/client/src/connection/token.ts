import { MilepostError } from "@milepost/protocol";

/** Credential, or a function that returns one. */
export type TokenSource = string | (() => string | Promise<string>);

/** Function that returns a new ticket at each call. */
export type TicketSource = () => string | Promise<string>;

/** Options with the credentials of a client. */
export interface CredentialOptions {
  readonly token?: TokenSource | undefined;
  readonly ticket?: TicketSource | undefined;
}

/** First character of a credential that is a ticket; no token begins with it. */
export const ticketMark = "?";

/** Time that a token source has for its answer, in milliseconds. */
export const tokenWaitMs = 20_000;

/** Maximum number of rejected credentials that are remembered. */
const maxRefused = 10;

/** Gets the credential of each connection attempt, and offers none again that the gateway has rejected. */
export class TokenKeeper {
  readonly #options: CredentialOptions;
  readonly #refused = new Set<string>();

  /** The options are read anew for each credential. */
  constructor(options: CredentialOptions) {
    this.#options = options;
  }

  /** True when another credential can be fetched. */
  get renewable(): boolean {
    const { ticket, token } = this.#options;
    return typeof (ticket ?? token) === "function";
  }

  /** True if a new credential can take the place of an old one on an open connection. A ticket only connects. */
  get renewsInPlace(): boolean {
    return this.renewable && !this.#options.ticket;
  }

  /**
   * Returns the credential to offer; undefined if there is no option `token`. A ticket has the mark {@link ticketMark}.
   *
   * Rejects when the source rejects, and when it returns the rejected credential or anything but a text. A fixed
   * credential that is no text is `unauthenticated`, because trying again would not change it.
   */
  async get(): Promise<string | undefined> {
    const { ticket, token: fixed } = this.#options;
    const source = ticket ?? fixed;
    if (source === undefined) return undefined;
    const isFixed = typeof source !== "function";
    const given: unknown = isFixed ? source : await source();
    const token = ticket && given && typeof given === "string" ? ticketMark + given : given;
    if (typeof token !== "string" || token === "") {
      const kind = token === "" ? "an empty text" : token === null ? "null" : typeof token;
      const message = `\`${ticket ? "ticket" : "token"}\` ${isFixed ? "is" : "returned"} ${kind}; it must be a text that the gateway accepts`;
      throw new MilepostError(isFixed ? "unauthenticated" : "unavailable", message);
    }
    if (this.#refused.has(token)) {
      throw new MilepostError(
        "unavailable",
        "the gateway has rejected this token; `token` must return a new one",
      );
    }
    return token;
  }

  /** Marks a credential as rejected by the gateway. */
  refuse(token: string | undefined): void {
    if (token === undefined) return;
    this.#refused.add(token);
    const [oldest] = this.#refused;
    if (oldest !== undefined && this.#refused.size > maxRefused) this.#refused.delete(oldest);
  }
}

/** Returns the error for a token source that does not answer. */
export function lateToken(): MilepostError {
  return new MilepostError(
    "timed_out",
    `\`token\` has not returned a token within ${tokenWaitMs / 1_000} s`,
  );
}
