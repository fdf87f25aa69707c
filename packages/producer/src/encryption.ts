import { Encryption, type EncryptionOptions } from "@milepost/protocol";
import type { Publish } from "./answer.ts";

/** Creates the encryption of this process. `currentKeyId` names the key to encrypt with. */
export function createEncryption(
  options: EncryptionOptions & Required<Pick<EncryptionOptions, "currentKeyId">>,
): Encryption {
  return new Encryption(options, {
    wait: (ms) =>
      new Promise((resolve) => {
        setTimeout(resolve, ms).unref();
      }),
    monotonic: () => performance.now(),
  });
}

/** Options of {@link encryptedPublish}. */
export interface EncryptedPublishOptions {
  /** Names of the fields to encrypt; by default the whole data of each event. */
  readonly fields?: readonly string[];
}

/**
 * Returns a function that publishes encrypted data by `publish`. Each publish is bound to its `key`, so every one needs
 * a key of its own. It rejects, and sends nothing, when the data cannot be encrypted.
 */
export function encryptedPublish(
  publish: Publish,
  encryption: Pick<Encryption, "encrypt">,
  { fields }: EncryptedPublishOptions = {},
): Publish {
  return async (channel, event, data, options) => {
    const { key } = options;
    const plain = { channel, event, data, key, ...(fields === undefined ? {} : { fields }) };
    const sealed = await encryption.encrypt(plain);
    return publish(channel, event, sealed.data, options);
  };
}
