/** A credential, or how to get one. */
export type TokenSource = string | (() => string | Promise<string>);

/** The credential in use, so that one that was refused is not offered again. */
export class TokenKeeper {
  /** Whether another token can be got at all. */
  readonly renewable: boolean;
  readonly #source: TokenSource | undefined;
  #last: string | undefined;
  #refused: string | undefined;

  constructor(source: TokenSource | undefined) {
    this.#source = source;
    this.renewable = typeof source === "function";
  }

  /** The credential to offer; rejects when the source does, or when it only has the refused one. */
  async get(): Promise<string | undefined> {
    const source = this.#source;
    const token = typeof source === "function" ? await source() : source;
    if (token !== undefined && token === this.#refused) {
      throw new Error("the token that has ended was given again; `token` must give a new one");
    }
    this.#last = token === "" ? undefined : token;
    return this.#last;
  }

  /** The service did not want the last one. */
  refuse(): void {
    this.#refused = this.#last;
  }
}
