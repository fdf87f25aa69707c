import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { createLog } from "./log.ts";

const hostile = "a\u001b[31mb\u009bc\u202ed\u2066e\u200bf";
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const acting = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2066-\u2069]/;

async function logged(readable: boolean): Promise<string> {
  const destination = new PassThrough({ encoding: "utf8" });
  const log = createLog({ readable, destination });
  log.warn({ channel: hostile, list: [hostile] }, `said ${hostile}\nforged`);
  log.error({ err: new Error(hostile) }, "failed");
  let text = "";
  for await (const chunk of destination) {
    text += String(chunk);
    if (text.includes("failed") && text.endsWith("\n")) break;
  }
  return text;
}

describe("the log", () => {
  it("a line of the log has no character that a terminal acts on, and the same value", async () => {
    const text = await logged(false);
    expect(text).not.toMatch(acting);
    const [first, second] = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({ channel: hostile, msg: `said ${hostile}\nforged` });
    expect(second.err.message).toBe(hostile);
  });

  it("a readable line of the log has none either, and a text from outside cannot begin a line", async () => {
    const text = await logged(true);
    expect(text).not.toMatch(acting);
    expect(text).toContain("said a\ufffd[31mb\ufffdc\ufffdd\ufffde\ufffdf\ufffdforged");
    expect(text).not.toMatch(/^forged/m);
    expect(text).toMatch(/^ +at /m);
  });
});
