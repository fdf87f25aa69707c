import { describe, expect, test } from "vitest";
import { AppendTurns } from "./append-turns.ts";

/** Store whose appends are answered one by one, by the test. */
function scriptedStore() {
  const sent: string[] = [];
  const answers: (() => void)[] = [];
  const append = (name: string) => () => {
    sent.push(name);
    return new Promise<string>((resolve) => answers.push(() => resolve(name)));
  };
  const answer = async (count = 1) => {
    for (let n = 0; n < count; n++) {
      answers.shift()?.();
      for (let turns = 0; turns < 5; turns++) await undefined;
    }
  };
  return { sent, append, answer };
}

const bounds = { large: 10, inFlight: 100, perPublisher: 1_000, waiting: 1_500 };

describe("turns of large appends", () => {
  test("[P-STORE-5] a small append of another publisher is sent at once while large ones wait", async () => {
    const { sent, append } = scriptedStore();
    const turns = new AppendTurns(bounds);
    for (let n = 0; n < 5; n++) void turns.run("ada", `c:${n}`, 90, append(`ada ${n}`));
    void turns.run("bob", "c:0", 5, append("bob"));
    expect(sent).toEqual(["ada 0", "bob"]);
    expect(turns.waiting).toBe(360);
  });

  test("[P-STORE-5] large appends of several publishers take turns, whoever sent more", async () => {
    const { sent, append, answer } = scriptedStore();
    const turns = new AppendTurns(bounds);
    for (let n = 0; n < 4; n++) void turns.run("ada", `c:${n}`, 90, append(`ada ${n}`));
    for (let n = 0; n < 2; n++) void turns.run("bob", `d:${n}`, 90, append(`bob ${n}`));
    void turns.run("eve", "e:0", 90, append("eve 0"));
    await answer(7);
    expect(sent).toEqual(["ada 0", "ada 1", "bob 0", "eve 0", "ada 2", "bob 1", "ada 3"]);
    expect(turns.waiting).toBe(0);
  });

  test("[P-STORE-5] several large appends are in flight as long as they fit together, and a larger one is sent alone", async () => {
    const { sent, append, answer } = scriptedStore();
    const turns = new AppendTurns(bounds);
    void turns.run("ada", "c:0", 50, append("a"));
    void turns.run("ada", "c:1", 50, append("b"));
    void turns.run("ada", "c:2", 500, append("c"));
    void turns.run("ada", "c:3", 50, append("d"));
    expect(sent).toEqual(["a", "b"]);
    await answer();
    expect(sent).toEqual(["a", "b"]);
    await answer();
    expect(sent).toEqual(["a", "b", "c"]);
    await answer();
    expect(sent).toEqual(["a", "b", "c", "d"]);
  });

  test("[P-STORE-5] [G1] appends of one publisher to one channel keep their order, small ones too", async () => {
    const { sent, append, answer } = scriptedStore();
    const turns = new AppendTurns(bounds);
    void turns.run("ada", "c:0", 90, append("first"));
    void turns.run("ada", "c:1", 90, append("large"));
    void turns.run("ada", "c:1", 1, append("small"));
    void turns.run("ada", "c:2", 1, append("elsewhere"));
    expect(sent).toEqual(["first", "elsewhere"]);
    await answer(4);
    expect(sent).toEqual(["first", "elsewhere", "large", "small"]);
  });

  test("[P-STORE-5] what may wait is bounded for a publisher and in all; the rest is rate_limited with a time to retry", async () => {
    const { append, answer } = scriptedStore();
    const turns = new AppendTurns(bounds);
    const limited = { code: "rate_limited", retryAfterMs: 1_000 };
    void turns.run("ada", "c:0", 90, append("0"));
    for (let n = 0; n < 10; n++) void turns.run("ada", "c:0", 100, append("x"));
    await expect(turns.run("ada", "c:0", 100, append("x"))).rejects.toMatchObject(limited);
    for (let n = 0; n < 5; n++) void turns.run("bob", "c:0", 100, append("y"));
    await expect(turns.run("bob", "c:0", 100, append("y"))).rejects.toMatchObject(limited);
    await answer(16);
    expect(turns.waiting).toBe(0);
  });

  test("[P-STORE-5] an append that fails gives its turn to the next one", async () => {
    const { sent, append } = scriptedStore();
    const turns = new AppendTurns(bounds);
    const failed = turns.run("ada", "c:0", 90, () => Promise.reject(new Error("no")));
    void turns.run("bob", "c:0", 90, append("next"));
    await expect(failed).rejects.toThrow("no");
    expect(sent).toEqual(["next"]);
  });
});
