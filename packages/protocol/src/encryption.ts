import { bytesOfBase64Url, utf8 } from "./bytes.ts";
import {
  additionalData,
  type EncryptedPlace,
  isEnvelope,
  isEventId,
  isKeyId,
  ivBytes,
  readEnvelope,
  writeEnvelope,
} from "./envelope.ts";
import { isRecord } from "./json.ts";
import { writeJson } from "./json-text.ts";
import { type EncryptionKey, type EncryptionKeys, KeyCache } from "./key-cache.ts";

/** Options of an {@link Encryption}. */
export interface EncryptionOptions {
  /**
   * Returns the key with an id. It is asked once for each key and channel; the 100 keys used last are kept. A key that
   * is missing, or not there after 10 s, is asked for again after 5 s at the earliest.
   */
  readonly keys: EncryptionKeys;
  /**
   * Returns the id of the key to encrypt with; needed only to encrypt. To rotate, return another id; readers still get
   * the older one by `keys`.
   */
  readonly currentKeyId?: (channel: string) => string | Promise<string>;
}

/** Parts of the platform that an {@link Encryption} uses. */
export interface EncryptionPlatform {
  /** Resolves after `ms` milliseconds. */
  readonly wait: (ms: number) => Promise<unknown>;
  /** Current time, in milliseconds that never go back. */
  readonly monotonic: () => number;
}

/** Publication whose data are to be encrypted. */
export interface PublicationToEncrypt {
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  /** Dedupe key of the publish, 1 to 255 characters without a line feed; by default 24 random characters. */
  readonly key?: string;
  /** Names of the fields of the data to encrypt; by default the whole data are encrypted. */
  readonly fields?: readonly string[];
}

/** Encrypted publication: its data, and the dedupe key that it must be published with. */
export interface EncryptedPublication {
  readonly data: unknown;
  readonly key: string;
}

/** Publication as a reader received it. */
export interface PublicationToDecrypt {
  readonly channel: string;
  /** Channel that the entry was published to, where it was read through a roll-up. */
  readonly source?: string | undefined;
  readonly event: string;
  readonly data: unknown;
}

/** A value that stays encrypted, and why. */
export interface StillEncrypted {
  /** Name of the field of the data; empty for the whole data. */
  readonly field: string;
  /** Id of the key; empty if the envelope is malformed. */
  readonly keyId: string;
  /**
   * `no_key`: the key is not known now; try again later. `mismatch`: the value was changed, or comes from another
   * channel, event, field or key. `malformed`, `unsupported`: it is no envelope of a known version. `too_many`: the data
   * have more than 64 encrypted fields.
   */
  readonly reason: "no_key" | "mismatch" | "malformed" | "unsupported" | "too_many";
}

/** Data of a publication after decryption. */
export interface Decrypted {
  /** Data in which each decrypted envelope is replaced by its value. */
  readonly data: unknown;
  /** Parts that are still encrypted, and stay as envelopes; empty if everything is plain. */
  readonly encrypted: readonly StillEncrypted[];
}

const maxFields = 64;
const keyBytes = 32;
const algorithm = "AES-GCM";

/**
 * Encrypts and decrypts data end to end, between publishers and readers. The gateway and its store see only envelopes.
 *
 * Each value is encrypted with AES-256-GCM and a random initialisation vector, and bound to its channel, event, event
 * id, key id and field. One key must not encrypt more than 2^32 values; rotate it long before.
 */
export class Encryption {
  readonly #options: EncryptionOptions;
  readonly #keys: KeyCache;

  constructor(options: EncryptionOptions, platform: EncryptionPlatform) {
    this.#options = options;
    this.#keys = new KeyCache({ keys: options.keys, read: importKey, ...platform });
  }

  /**
   * Encrypts the data of a publication, or the named fields that they have. Rejects with a TypeError if there is no key,
   * the key or the id is not usable, or named fields are wanted of data that are no object.
   */
  async encrypt(publication: PublicationToEncrypt): Promise<EncryptedPublication> {
    const { channel, event, data, fields } = publication;
    const id = publication.key ?? randomId();
    if (!isEventId(id)) {
      throw new TypeError(
        "the key of an encrypted publish must have 1 to 255 characters and no line feed",
      );
    }
    const { currentKeyId } = this.#options;
    if (currentKeyId === undefined) throw new TypeError("currentKeyId is needed to encrypt");
    const keyId = await currentKeyId(channel);
    if (!isKeyId(keyId)) {
      throw new TypeError("the id of a key must be 1 to 64 letters, digits, '_', '.', '~' or '-'");
    }
    const key = await this.#keys.get(keyId, channel);
    if (key === undefined) {
      throw new TypeError(
        `there is no usable key ${keyId}; keys must return 32 bytes for it, as bytes or as base64`,
      );
    }
    const place = { channel, event, id, keyId };
    if (fields === undefined)
      return { data: await seal(key, { ...place, field: "" }, data), key: id };
    if (!isRecord(data))
      throw new TypeError("fields can be encrypted only in data that are an object");
    const sealed = await Promise.all(
      Object.entries(data).map(
        async ([field, value]) =>
          [
            field,
            fields.includes(field) && value !== undefined
              ? await seal(key, { ...place, field }, value)
              : value,
          ] as const,
      ),
    );
    return { data: Object.fromEntries(sealed), key: id };
  }

  /**
   * Decrypts what it can of a publication's data: the whole data, or those of its fields that are encrypted. Never
   * rejects because of the publication.
   */
  async decrypt({ channel, source, event, data }: PublicationToDecrypt): Promise<Decrypted> {
    const place = { channel: source ?? channel, event };
    if (isEnvelope(data)) {
      const opened = await this.#open(place, "", data);
      return "value" in opened
        ? { data: opened.value, encrypted: [] }
        : { data, encrypted: [opened] };
    }
    if (!isRecord(data)) return { data, encrypted: [] };
    const names = Object.keys(data).filter((name) => isEnvelope(data[name]));
    if (names.length === 0) return { data, encrypted: [] };
    const opened = await Promise.all(
      names.map(async (name, n) =>
        n < maxFields
          ? this.#open(place, name, data[name])
          : ({ field: name, keyId: "", reason: "too_many" } as const),
      ),
    );
    const values = new Map<string, unknown>();
    const encrypted: StillEncrypted[] = [];
    for (const [n, each] of opened.entries()) {
      if ("value" in each) values.set(names[n] ?? "", each.value);
      else encrypted.push(each);
    }
    const entries = Object.entries(data).map(
      ([name, value]) => [name, values.has(name) ? values.get(name) : value] as const,
    );
    return { data: Object.fromEntries(entries), encrypted };
  }

  async #open(
    { channel, event }: Pick<EncryptedPlace, "channel" | "event">,
    field: string,
    envelope: unknown,
  ): Promise<{ readonly value: unknown } | StillEncrypted> {
    const read = readEnvelope(envelope);
    if (typeof read === "string") return { field, keyId: "", reason: read };
    const { keyId, id, iv, ciphertext } = read;
    const key = await this.#keys.get(keyId, channel);
    if (key === undefined) return { field, keyId, reason: "no_key" };
    const bound = utf8.encode(additionalData({ channel, event, id, keyId, field }));
    try {
      const params = { name: algorithm, iv, additionalData: bound };
      const plain = await crypto.subtle.decrypt(params, key, ciphertext);
      const text = new TextDecoder("utf-8", { fatal: true }).decode(plain);
      return { value: JSON.parse(text) as unknown };
    } catch {
      return { field, keyId, reason: "mismatch" };
    }
  }
}

async function seal(key: CryptoKey, place: EncryptedPlace, value: unknown) {
  const text = writeJson(value);
  if (typeof text !== "string") throw new TypeError("undefined data cannot be encrypted; use null");
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const params = { name: algorithm, iv, additionalData: utf8.encode(additionalData(place)) };
  const ciphertext = new Uint8Array(await crypto.subtle.encrypt(params, key, utf8.encode(text)));
  return writeEnvelope({ keyId: place.keyId, id: place.id, iv, ciphertext });
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

function importKey(key: EncryptionKey): Promise<CryptoKey> {
  const bytes =
    typeof key === "string"
      ? bytesOfBase64Url(key.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""))
      : new Uint8Array(key);
  if (bytes?.length !== keyBytes) throw new TypeError("a key must have 32 bytes");
  return crypto.subtle.importKey("raw", bytes, { name: algorithm }, false, ["encrypt", "decrypt"]);
}
