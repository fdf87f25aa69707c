import { createCipheriv, createHash } from "node:crypto";

/** Keys of the examples: SHA-256 of a text, so that anybody can make them. @param {string} name */
const keyOf = (name) => createHash("sha256").update(`milepost test key ${name}`).digest();

/**
 * @param {string} name
 * @param {{ channel: string, event: string, id: string, field?: string }} place
 * @param {string} keyId
 * @param {string} ivHex
 * @param {string} plain JSON text
 */
function sealed(name, { channel, event, id, field = "" }, keyId, ivHex, plain) {
  const aad = `milepost-encrypted-1\n${channel}\n${event}\n${keyId}\n${id}\n${field}`;
  const iv = Buffer.from(ivHex, "hex");
  const cipher = createCipheriv("aes-256-gcm", keyOf(keyId), iv);
  cipher.setAAD(Buffer.from(aad));
  const text = Buffer.concat([cipher.update(plain, "utf8"), cipher.final(), cipher.getAuthTag()]);
  const inside = {
    v: 1,
    kid: keyId,
    id,
    iv: iv.toString("base64url"),
    ct: text.toString("base64url"),
  };
  return {
    name,
    channel,
    event,
    id,
    field,
    key_id: keyId,
    additional_data: aad,
    plain,
    envelope: { $encrypted: inside },
  };
}

/** Returns the examples of encryption, computed with Node's own functions and none of Milepost's. */
export async function encryptionVectors() {
  const chat = { channel: "chat:42", event: "chat_message", id: "m1" };
  const values = [
    sealed("whole data", chat, "k1", "000102030405060708090a0b", '{"text":"Grüße"}'),
    sealed("a field", { ...chat, field: "content" }, "k2", "0102030405060708090a0b0c", '"hello"'),
    sealed(
      "a field with a line feed",
      { ...chat, id: "m ü", field: "a\nb" },
      "k1",
      "ffffffffffffffffffffffff",
      "null",
    ),
  ];
  const [whole, field] = values;
  if (whole === undefined || field === undefined) throw new Error("the examples are missing");
  const inside = whole.envelope.$encrypted;
  /** @param {"iv" | "ct"} part @param {number} at */
  const flipped = (part, at) => {
    const bytes = Buffer.from(inside[part], "base64url");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return { $encrypted: { ...inside, [part]: bytes.toString("base64url") } };
  };
  const place = { channel: whole.channel, event: whole.event, field: "" };
  return {
    description:
      "Envelopes of docs/protocol/encryption.md. `plain` is JSON text in UTF-8. Each envelope decrypts to it at its place.",
    keys: Object.fromEntries(["k1", "k2"].map((id) => [id, keyOf(id).toString("base64url")])),
    values,
    /** Envelopes that a reader must report, with the reason. */
    refused: [
      {
        name: "a flipped bit of the text",
        ...place,
        envelope: flipped("ct", 0),
        reason: "mismatch",
      },
      {
        name: "a flipped bit of the tag",
        ...place,
        envelope: flipped("ct", 20),
        reason: "mismatch",
      },
      {
        name: "a flipped bit of the vector",
        ...place,
        envelope: flipped("iv", 0),
        reason: "mismatch",
      },
      {
        name: "another channel",
        ...place,
        channel: "chat:43",
        envelope: whole.envelope,
        reason: "mismatch",
      },
      {
        name: "another event",
        ...place,
        event: "other",
        envelope: whole.envelope,
        reason: "mismatch",
      },
      {
        name: "another field",
        ...place,
        field: "content",
        envelope: whole.envelope,
        reason: "mismatch",
      },
      {
        name: "another id",
        ...place,
        envelope: { $encrypted: { ...inside, id: "m2" } },
        reason: "mismatch",
      },
      {
        name: "another key",
        ...place,
        envelope: { $encrypted: { ...inside, kid: "k2" } },
        reason: "mismatch",
      },
      {
        name: "an unknown key",
        ...place,
        envelope: { $encrypted: { ...inside, kid: "k3" } },
        reason: "no_key",
      },
      {
        name: "another version",
        ...place,
        envelope: { $encrypted: { ...inside, v: 2 } },
        reason: "unsupported",
      },
      {
        name: "padding",
        ...place,
        envelope: { $encrypted: { ...inside, iv: `${inside.iv}=` } },
        reason: "malformed",
      },
      {
        name: "a short vector",
        ...place,
        envelope: { $encrypted: { ...inside, iv: "AAAA" } },
        reason: "malformed",
      },
      {
        name: "a missing part",
        ...place,
        envelope: { $encrypted: { ...inside, ct: undefined } },
        reason: "malformed",
      },
    ].map((each) => JSON.parse(JSON.stringify(each))),
  };
}
