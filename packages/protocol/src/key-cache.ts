/** Key of 32 bytes: as bytes, or as base64 or base64url. */
export type EncryptionKey = string | Uint8Array;

/** Returns the key with an id, or undefined while it is not known. May look it up elsewhere. */
export type EncryptionKeys = (
  keyId: string,
  channel: string,
) => EncryptionKey | undefined | Promise<EncryptionKey | undefined>;

/** Parts that a {@link KeyCache} is built from. */
export interface KeyCacheParts {
  readonly keys: EncryptionKeys;
  /** Turns a key into the form in which it is used; throws for a wrong one. */
  readonly read: (key: EncryptionKey) => Promise<CryptoKey>;
  /** Resolves after `ms` milliseconds. */
  readonly wait: (ms: number) => Promise<unknown>;
  /** Current time, in milliseconds that never go back. */
  readonly monotonic: () => number;
}

/** Number of keys that are kept. */
const maxKeys = 100;
/** Time after which a key that was not there is asked for again, in milliseconds. */
const retryMs = 5_000;
/** Time that the callback may take, in milliseconds. */
const answerMs = 10_000;

/**
 * Keys that a callback returned, the 100 used last. Readers of one key share one call. A key that is missing or fails is
 * asked for again after 5 s, however many events need it; a callback that does not answer counts as failed after 10 s.
 */
export class KeyCache {
  readonly #parts: KeyCacheParts;
  readonly #known = new Map<
    string,
    { readonly key: Promise<CryptoKey | undefined>; until: number }
  >();

  constructor(parts: KeyCacheParts) {
    this.#parts = parts;
  }

  /** Resolves with the key, or undefined when it cannot be had now. Never rejects. */
  get(keyId: string, channel: string): Promise<CryptoKey | undefined> {
    // The callback may know another key of the same id for another channel.
    const name = `${keyId} ${channel}`;
    const known = this.#known.get(name);
    this.#known.delete(name);
    if (known !== undefined && this.#parts.monotonic() < known.until) {
      this.#known.set(name, known);
      return known.key;
    }
    const entry = { key: this.#ask(keyId, channel), until: Number.POSITIVE_INFINITY };
    void entry.key.then((key) => {
      if (key === undefined) entry.until = this.#parts.monotonic() + retryMs;
    });
    this.#known.set(name, entry);
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxKeys && oldest !== undefined) this.#known.delete(oldest);
    return entry.key;
  }

  async #ask(keyId: string, channel: string): Promise<CryptoKey | undefined> {
    const { keys, read, wait } = this.#parts;
    try {
      const asked = (async () => keys(keyId, channel))();
      // A late rejection would otherwise be unhandled.
      asked.catch(() => {});
      const key = await Promise.race([asked, wait(answerMs).then(() => undefined)]);
      return key === undefined ? undefined : await read(key);
    } catch {
      return undefined;
    }
  }
}
