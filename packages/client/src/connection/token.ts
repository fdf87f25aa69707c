/** Credential, or a function that returns one. */
export type TokenSource = string | (() => string | Promise<string>);

/** Holds the credential in use, so that a rejected one is not offered again. */
export class TokenKeeper {
  /** True when another token can be fetched. */
  readonly renewable: boolean;
  readonly #source: TokenSource | undefined;
  #last: string | undefined;
  #refused: string | undefined;

  constructor(source: TokenSource | undefined) {
    this.#source = source;
    this.renewable = typeof source === "function";
  }

  /** Returns the credential to offer; rejects when the source rejects or returns the rejected credential. */
  async get(): Promise<string | undefined> {
    const source = this.#source;
    const token = typeof source === "function" ? await source() : source;
    if (token !== undefined && token === this.#refused) {
      throw new Error("the gateway has rejected this token; `token` must return a new one");
    }
    this.#last = token === "" ? undefined : token;
    return this.#last;
  }

  /** Marks the last credential as rejected by the gateway. */
  refuse(): void {
    this.#refused = this.#last;
  }
}
