import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64UrlOf, Encryption, type EncryptionKeys, isEnvelope, readEnvelope } from "./index.ts";

const keyBytes = (fill: number) => new Uint8Array(32).fill(fill);
const two: EncryptionKeys = (id) =>
  id === "k1" ? keyBytes(1) : id === "k2" ? keyBytes(2) : undefined;

function encryptionOf(keys: EncryptionKeys = two, current: () => string = () => "k1") {
  let now = 0;
  const waits: (() => void)[] = [];
  const encryption = new Encryption(
    { keys, currentKeyId: current },
    { wait: () => new Promise<void>((resolve) => waits.push(resolve)), monotonic: () => now },
  );
  return {
    encryption,
    pass: (ms: number) => {
      now += ms;
    },
    expire: () => {
      for (const end of waits.splice(0)) end();
    },
  };
}

const place = { channel: "chat:42", event: "note" };

/** Returns the data with one bit of the named text of its envelope flipped. */
function flipped(data: unknown, part: "iv" | "ct", index: number): unknown {
  const { $encrypted } = data as { $encrypted: Record<"iv" | "ct", string> };
  const bytes = Buffer.from($encrypted[part], "base64url");
  const at = index % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (index % 8));
  return { $encrypted: { ...$encrypted, [part]: base64UrlOf(bytes) } };
}

describe("Encryption", () => {
  it("[P-ENC-1] decrypt returns what encrypt got, for every JSON value, and the envelope shows nothing of it", async () => {
    const { encryption } = encryptionOf();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const data = JSON.parse(JSON.stringify(value)) as unknown;
        const sealed = await encryption.encrypt({ ...place, data });
        const sent = JSON.parse(JSON.stringify(sealed.data)) as unknown;
        expect(isEnvelope(sent)).toBe(true);
        const opened = await encryption.decrypt({ ...place, data: sent });
        expect(opened).toEqual({ data, encrypted: [] });
      }),
    );
    const secret = "a text that must not be readable";
    const { data } = await encryption.encrypt({ ...place, data: { secret } });
    expect(JSON.stringify(data)).not.toContain("secret");
  });

  it("[P-ENC-1] named fields are encrypted each on their own, and the others stay as they are", async () => {
    const { encryption } = encryptionOf();
    const plain = JSON.parse('{"id":7,"text":"x","__proto__":{"a":1},"empty":null}') as object;
    const fields = ["text", "empty", "__proto__", "absent"];
    const { data } = await encryption.encrypt({ ...place, data: plain, key: "m1", fields });
    const sent = JSON.parse(JSON.stringify(data)) as Record<string, unknown>;
    expect(Object.keys(sent)).toEqual(["id", "text", "__proto__", "empty"]);
    expect(sent.id).toBe(7);
    for (const name of ["text", "empty"])
      expect(readEnvelope(sent[name])).toMatchObject({ id: "m1" });
    const opened = await encryption.decrypt({ ...place, data: sent });
    expect(JSON.stringify(opened)).toBe(JSON.stringify({ data: plain, encrypted: [] }));
    expect(Object.getPrototypeOf(opened.data)).toBe(Object.prototype);
  });

  it("[P-ENC-2] a flipped bit anywhere in the vector, the text or the tag is reported, and nothing is decrypted", async () => {
    const { encryption } = encryptionOf();
    const { data } = await encryption.encrypt({ ...place, data: { text: "hello" } });
    for (let bit = 0; bit < 200; bit++) {
      for (const part of ["iv", "ct"] as const) {
        const changed = flipped(data, part, bit);
        const opened = await encryption.decrypt({ ...place, data: changed });
        const reason = { field: "", keyId: "k1", reason: "mismatch" };
        expect(opened).toEqual({ data: changed, encrypted: [reason] });
      }
    }
  });

  it("[P-ENC-2] a value that was moved to another channel, event, event id, key id or field is reported", async () => {
    const { encryption } = encryptionOf((_, __) => keyBytes(1));
    const made = await encryption.encrypt({
      ...place,
      key: "m1",
      data: { a: 1, b: 2 },
      fields: ["a"],
    });
    const { a } = made.data as { a: { $encrypted: object } };
    const other = (change: object) => ({ a: { $encrypted: { ...a.$encrypted, ...change } } });
    const moved = [
      { ...place, data: { a }, channel: "chat:43" },
      { ...place, data: { a }, source: "chat:43" },
      { ...place, data: { a }, event: "notes" },
      { ...place, data: { b: a } },
      { ...place, data: a },
      { ...place, data: other({ id: "m2" }) },
      { ...place, data: other({ kid: "k2" }) },
    ];
    for (const each of moved) {
      const { encrypted, data } = await encryption.decrypt(each);
      expect(encrypted).toMatchObject([{ reason: "mismatch" }]);
      expect(data).toEqual(each.data);
    }
    const rolledUp = { ...place, data: { a }, channel: "chat:*", source: "chat:42" };
    expect(await encryption.decrypt(rolledUp)).toMatchObject({ data: { a: 1 }, encrypted: [] });
  });

  it("[P-ENC-2] an envelope that no version writes is reported as malformed or unsupported, and never throws", async () => {
    const { encryption } = encryptionOf();
    const { data } = await encryption.encrypt({ ...place, data: 1 });
    const { $encrypted } = data as { $encrypted: Record<string, unknown> };
    const wrong: readonly (readonly [unknown, string])[] = [
      [null, "malformed"],
      ["x", "malformed"],
      [{}, "malformed"],
      [{ ...$encrypted, v: 2 }, "unsupported"],
      [{ ...$encrypted, v: "1" }, "malformed"],
      [{ ...$encrypted, kid: "../k1" }, "malformed"],
      [{ ...$encrypted, kid: "" }, "malformed"],
      [{ ...$encrypted, id: "a\nb" }, "malformed"],
      [{ ...$encrypted, id: "" }, "malformed"],
      [{ ...$encrypted, iv: "AAAA" }, "malformed"],
      [{ ...$encrypted, iv: `${String($encrypted.iv)}==` }, "malformed"],
      [{ ...$encrypted, ct: "AAAA" }, "malformed"],
      [{ ...$encrypted, ct: "*" }, "malformed"],
    ];
    for (const [inside, reason] of wrong) {
      const opened = await encryption.decrypt({ ...place, data: { $encrypted: inside } });
      expect(opened.encrypted).toMatchObject([{ field: "", reason }]);
    }
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`f${n}`, data]));
    const { encrypted } = await encryption.decrypt({ ...place, data: many });
    expect(encrypted.filter(({ reason }) => reason === "too_many")).toHaveLength(6);
    for (const plain of [1, null, "x", [data], { $encrypted, more: 1 }, {}]) {
      const opened = await encryption.decrypt({ ...place, data: plain });
      expect(opened).toEqual({ data: plain, encrypted: [] });
    }
  });

  it("[P-ENC-3] after a rotation new data have the new key, and older data are still decrypted", async () => {
    let current = "k1";
    const { encryption } = encryptionOf(two, () => current);
    const older = await encryption.encrypt({ ...place, data: "old" });
    current = "k2";
    const newer = await encryption.encrypt({ ...place, data: "new" });
    expect([older, newer].map(({ data }) => readEnvelope(data))).toMatchObject([
      { keyId: "k1" },
      { keyId: "k2" },
    ]);
    for (const [{ data }, plain] of [
      [older, "old"],
      [newer, "new"],
    ] as const) {
      expect(await encryption.decrypt({ ...place, data })).toEqual({ data: plain, encrypted: [] });
    }
  });

  it("[P-ENC-3] a missing key leaves the envelope, is asked for once in 5 s, and is used once it is there", async () => {
    const sealed = await encryptionOf().encryption.encrypt({ ...place, data: 1 });
    let asked = 0;
    let key: Uint8Array | undefined;
    const { encryption, pass } = encryptionOf(async () => {
      asked++;
      return key;
    });
    const event = { ...place, data: sealed.data };
    const missing = {
      data: sealed.data,
      encrypted: [{ field: "", keyId: "k1", reason: "no_key" }],
    };
    for (let n = 0; n < 100; n++) expect(await encryption.decrypt(event)).toEqual(missing);
    expect(asked).toBe(1);
    key = keyBytes(1);
    pass(4_999);
    expect(await encryption.decrypt(event)).toEqual(missing);
    pass(1);
    expect(await encryption.decrypt(event)).toEqual({ data: 1, encrypted: [] });
    pass(3_600_000);
    expect(await encryption.decrypt(event)).toEqual({ data: 1, encrypted: [] });
    expect(asked).toBe(2);
  });

  it("[P-ENC-3] a callback that throws, rejects, hangs or returns no key of 32 bytes counts as a missing key", async () => {
    const { data } = await encryptionOf().encryption.encrypt({ ...place, data: 1 });
    const failing: readonly EncryptionKeys[] = [
      () => {
        throw new Error("away");
      },
      () => Promise.reject(new Error("away")),
      () => new Uint8Array(31),
      () => "too short",
      () => new Promise<never>(() => {}),
    ];
    for (const keys of failing) {
      const { encryption, expire } = encryptionOf(keys);
      const opened = encryption.decrypt({ ...place, data });
      await Promise.resolve();
      expire();
      expect(await opened).toMatchObject({ encrypted: [{ reason: "no_key" }] });
    }
  });

  it("[P-ENC-3] events of one key share one call of the callback, and at most 100 keys are kept", async () => {
    const asked: string[] = [];
    const { encryption } = encryptionOf(async (id) => {
      asked.push(id);
      return keyBytes(1);
    });
    const sealed = await encryption.encrypt({ ...place, data: 1 });
    const event = { ...place, data: sealed.data };
    await Promise.all(Array.from({ length: 50 }, () => encryption.decrypt(event)));
    expect(asked).toEqual(["k1"]);
    const { $encrypted } = sealed.data as { $encrypted: object };
    for (let n = 0; n < 100; n++) {
      const data = { $encrypted: { ...$encrypted, kid: `other-${n}` } };
      await encryption.decrypt({ ...place, data });
    }
    await encryption.decrypt(event);
    expect(asked).toHaveLength(102);
  });

  it("encrypt rejects without a usable key or id, and for fields of data that are no object", async () => {
    const { encryption } = encryptionOf();
    const nobody = encryptionOf(two, () => "k3").encryption;
    await expect(nobody.encrypt({ ...place, data: 1 })).rejects.toThrow("no usable key k3");
    await expect(
      encryptionOf(two, () => "not a key id").encryption.encrypt({ ...place, data: 1 }),
    ).rejects.toThrow("id of a key");
    for (const key of ["", "a\nb", "x".repeat(256)]) {
      await expect(encryption.encrypt({ ...place, data: 1, key })).rejects.toThrow("line feed");
    }
    await expect(encryption.encrypt({ ...place, data: [1], fields: ["0"] })).rejects.toThrow(
      "object",
    );
    await expect(encryption.encrypt({ ...place, data: undefined })).rejects.toThrow("use null");
    const reader = new Encryption({ keys: two }, { wait: async () => {}, monotonic: () => 0 });
    await expect(reader.encrypt({ ...place, data: 1 })).rejects.toThrow("currentKeyId");
  });

  it("keys may be bytes, base64 or base64url, and two encryptions of the same data differ", async () => {
    const bytes = keyBytes(251);
    const base64 = Buffer.from(bytes).toString("base64");
    const sealed = await encryptionOf(() => bytes).encryption.encrypt({ ...place, data: "x" });
    for (const key of [base64, base64UrlOf(bytes)]) {
      const { encryption } = encryptionOf(() => key);
      expect(await encryption.decrypt({ ...place, data: sealed.data })).toMatchObject({
        data: "x",
      });
      const again = await encryption.encrypt({ ...place, data: "x", key: sealed.key });
      expect(again.data).not.toEqual(sealed.data);
    }
  });

  it("[P-ENC-1] [P-ENC-2] the examples of vectors/encryption.json are decrypted, and those to refuse are reported", async () => {
    const file = new URL("../../../vectors/encryption.json", import.meta.url);
    const { keys, values, refused } = JSON.parse(readFileSync(file, "utf8")) as {
      keys: Record<string, string>;
      values: { channel: string; event: string; field: string; plain: string; envelope: unknown }[];
      refused: {
        channel: string;
        event: string;
        field: string;
        envelope: unknown;
        reason: string;
      }[];
    };
    const { encryption } = encryptionOf((id) => keys[id]);
    const at = (field: string, value: unknown) => (field === "" ? value : { [field]: value });
    for (const { field, plain, envelope, ...where } of values) {
      const opened = await encryption.decrypt({ ...where, data: at(field, envelope) });
      expect(opened).toEqual({ data: at(field, JSON.parse(plain)), encrypted: [] });
    }
    for (const { field, reason, envelope, ...where } of refused) {
      const opened = await encryption.decrypt({ ...where, data: at(field, envelope) });
      expect(opened.encrypted).toMatchObject([{ field, reason }]);
    }
  });
});
