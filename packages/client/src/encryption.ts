import {
  Encryption,
  type EncryptionOptions,
  type PublicationToDecrypt,
  type StillEncrypted,
} from "@milepost/protocol";
import type { Channel, ChannelItem, StreamOptions } from "./channel/channel.ts";

export type {
  Decrypted,
  Encryption,
  EncryptionKey,
  EncryptionKeys,
  EncryptionOptions,
  StillEncrypted,
} from "@milepost/protocol";

/** Parts of an event that stayed encrypted, with the reason; absent if none did. */
export interface LeftEncrypted {
  readonly encrypted?: readonly StillEncrypted[];
}

/** Item of a decrypted stream: as `ChannelItem`, with decrypted events. */
export type DecryptedItem<Events = Record<string, unknown>> = ChannelItem<Events> & LeftEncrypted;

/**
 * Creates the encryption of this page. Its keys come from `keys`; to publish encrypted data, it also needs
 * `currentKeyId`.
 */
export function createEncryption(options: EncryptionOptions): Encryption {
  return new Encryption(options, {
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    monotonic: () => performance.now(),
  });
}

/** Decrypts one event. What cannot be decrypted stays in its envelope and is named in `encrypted`. Never rejects. */
export async function decryptEvent<Event extends PublicationToDecrypt>(
  event: Event,
  encryption: Pick<Encryption, "decrypt">,
): Promise<Event & LeftEncrypted> {
  const { data, encrypted } = await encryption.decrypt(event);
  const decrypted = { ...event, data };
  return encrypted.length === 0 ? decrypted : { ...decrypted, encrypted };
}

/**
 * Iterates over a channel like `stream()`, with decrypted events in their order. An event that cannot be decrypted is
 * delivered with `encrypted`, and the iteration goes on: keep the event and pass it to {@link decryptEvent} once its key
 * is there. Snapshots and resets are delivered as the gateway has them, with envelopes.
 */
export async function* decryptedStream<Events = Record<string, unknown>>(
  channel: Pick<Channel<Events>, "stream">,
  encryption: Pick<Encryption, "decrypt">,
  options: StreamOptions<Events> = {},
): AsyncGenerator<DecryptedItem<Events>, undefined> {
  for await (const item of channel.stream(options)) {
    yield item.type === "event" ? await decryptEvent(item, encryption) : item;
  }
  return undefined;
}
