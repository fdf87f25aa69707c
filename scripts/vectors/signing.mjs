import { createHash, createHmac } from "node:crypto";

/** Secrets of the examples. */
const secrets = {
  "2026-11": "milepost-test-secret-of-32-bytes!",
  "2026-12": "another-secret-while-keys-rotate",
};
const timestamp = 1_767_225_600;
const nonce = "nonce-of-the-examples-01";

/** @param {string} text */
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/**
 * @param {string} secret
 * @param {string} subject
 * @param {string} body
 */
function parts(secret, subject, body) {
  const bodyHash = sha256(body);
  const text = `${timestamp}.${subject}.${bodyHash}`;
  return {
    body_sha256: bodyHash,
    signed_text: text,
    mac: createHmac("sha256", secret).update(text).digest("hex"),
  };
}

/**
 * @param {string} name
 * @param {keyof typeof secrets} keyId
 * @param {string} method
 * @param {string} target
 * @param {string} body
 */
function request(name, keyId, method, target, body) {
  const made = parts(secrets[keyId], `${method} ${target} ${keyId} ${nonce}`, body);
  const signature = `t=${timestamp},n=${nonce},k=${keyId},v1=${made.mac}`;
  return { name, key_id: keyId, timestamp, nonce, method, target, body, ...made, signature };
}

/**
 * @param {string} name
 * @param {keyof typeof secrets} keyId
 * @param {{ channel: string, event: string, data: string, key?: string }} publication
 */
function publication(name, keyId, { channel, event, data, key }) {
  const keyHash = key === undefined ? "" : sha256(key);
  const body = `${channel}\n${event}\n${keyHash}\n${data}`;
  const made = parts(secrets[keyId], `publish ${keyId} ${nonce}`, body);
  const of = key === undefined ? "" : `,i=${keyHash}`;
  const sig = `t=${timestamp},n=${nonce},k=${keyId}${of},v1=${made.mac}`;
  return {
    name,
    key_id: keyId,
    timestamp,
    nonce,
    channel,
    event,
    data,
    ...(key === undefined ? {} : { key }),
    ...made,
    sig,
  };
}

/** Returns the examples of signatures, computed with Node's own functions and none of Milepost's. */
export async function signingVectors() {
  const publish = '{"channel":"chat:42","event":"message","data":{"text":"Grüße \\u2028"}}';
  const data = '{"text":"Grüße","n":1.50,"big":12345678901234567890}';
  const chat = { channel: "chat:42", event: "message" };
  const plain = publication("data of any digits", "2026-11", { ...chat, data });
  const keyed = publication("with a dedupe key", "2026-12", {
    ...chat,
    data: "null",
    key: "k ü\n",
  });
  const last = plain.sig.at(-1) === "0" ? "1" : "0";
  return {
    description:
      "Signatures of docs/protocol/signing.md. Texts are UTF-8. `data` is the JSON text that is signed.",
    secrets,
    requests: [
      request("a publish", "2026-11", "POST", "/v1/publish", publish),
      request("a rotated secret", "2026-12", "POST", "/v1/publish", publish),
      request("no body", "2026-11", "DELETE", "/v1/channels/chat:42", ""),
      request("a query", "2026-11", "GET", "/v1/channels/chat:42/history?since=start&limit=10", ""),
    ],
    publications: [plain, keyed],
    /** Signatures that a reader must refuse, for the publication of that name. */
    refused: [
      { name: "another channel", of: plain.name, channel: "chat:43", sig: plain.sig },
      { name: "another event", of: plain.name, event: "messages", sig: plain.sig },
      { name: "other digits", of: plain.name, data: data.replace("1.50", "1.5"), sig: plain.sig },
      { name: "a changed mac", of: plain.name, sig: plain.sig.slice(0, -1) + last },
      { name: "another time", of: plain.name, sig: plain.sig.replace("t=1767", "t=1768") },
      { name: "another nonce", of: plain.name, sig: plain.sig.replace("-01", "-02") },
      { name: "another key id", of: plain.name, sig: plain.sig.replace("k=2026-11", "k=2026-12") },
      {
        name: "another order",
        of: plain.name,
        sig: plain.sig.replace(/^(t=\d+),(n=[^,]+)/, "$2,$1"),
      },
      { name: "a part too many", of: plain.name, sig: `${plain.sig},v2=00` },
      { name: "a hash of a key that is not there", of: plain.name, sig: keyed.sig },
      {
        name: "without the hash of its key",
        of: keyed.name,
        sig: keyed.sig.replace(/,i=[^,]+/, ""),
      },
    ],
  };
}
