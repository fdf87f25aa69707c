import { describe, expect, test, vi } from "vitest";
import { applyUpdate, Doc, encodeStateAsUpdate } from "yjs";
import { mentionsIn, Threads } from "./threads.ts";

function threadsOf(doc = new Doc()): Threads {
  let made = 0;
  return new Threads(doc, { newId: () => `${doc.clientID}-${++made}`, now: () => 1_000 + made });
}

describe("comment threads", () => {
  test("a thread belongs to a part of the document, and has its comments in order", () => {
    const threads = threadsOf();
    const id = threads.start("node-1", { author: "ada", text: " Why two steps? " });
    threads.start("node-2", { author: "ada", text: "Other" });
    threads.reply(id, { author: "bob", text: "The first one may fail. @ada" });
    expect(threads.list("node-1")).toMatchObject([
      {
        id,
        anchor: "node-1",
        isResolved: false,
        comments: [
          { author: "ada", text: "Why two steps?", mentions: [] },
          { author: "bob", mentions: ["ada"] },
        ],
      },
    ]);
    expect(threads.list()).toHaveLength(2);
  });

  test("a resolved thread says who resolved it, and a reply opens it again", () => {
    const threads = threadsOf();
    const id = threads.start("node-1", { author: "ada", text: "Why?" });
    threads.resolve(id, "bob");
    expect(threads.list()).toMatchObject([{ isResolved: true, resolvedBy: "bob" }]);
    threads.reply(id, { author: "ada", text: "Not yet." });
    expect(threads.list()).toMatchObject([{ isResolved: false, resolvedBy: undefined }]);
    threads.resolve(id, "bob");
    threads.reopen(id);
    expect(threads.list()[0]?.isResolved).toBe(false);
  });

  test("comments that two people write without a connection are all there afterwards", () => {
    const [one, two] = [new Doc(), new Doc()];
    const id = threadsOf(one).start("node-1", { author: "ada", text: "Why?" });
    applyUpdate(two, encodeStateAsUpdate(one));
    threadsOf(one).reply(id, { author: "ada", text: "A" });
    threadsOf(two).reply(id, { author: "bob", text: "B" });
    applyUpdate(two, encodeStateAsUpdate(one));
    applyUpdate(one, encodeStateAsUpdate(two));
    expect(threadsOf(one).list()[0]?.comments).toHaveLength(3);
    expect(threadsOf(one).list()).toEqual(threadsOf(two).list());
  });

  test("an empty comment, one that is too long and a thread that does not exist are refused", () => {
    const threads = threadsOf();
    expect(() => threads.start("n", { author: "ada", text: " " })).toThrow(RangeError);
    expect(() => threads.start("n", { author: "ada", text: "x".repeat(10_001) })).toThrow(
      RangeError,
    );
    expect(() => threads.reply("none", { author: "ada", text: "x" })).toThrow(RangeError);
  });

  test("what somebody else wrote into the shared map by hand does not break the list", () => {
    const doc = new Doc();
    const map = doc.getMap<unknown>("threads");
    map.set("odd", "text");
    map.set("null", null);
    const threads = threadsOf(doc);
    threads.start("n", { author: "ada", text: "fine" });
    expect(threads.list()).toHaveLength(1);
  });

  test("a subscriber hears of each change until it leaves", () => {
    const threads = threadsOf();
    const listener = vi.fn();
    const stop = threads.subscribe(listener);
    const id = threads.start("n", { author: "ada", text: "x" });
    threads.resolve(id, "ada");
    stop();
    threads.reopen(id);
    expect(listener).toHaveBeenCalledTimes(2);
  });

  test.each([
    ["@ada and @bob.smith. Again @ada", ["ada", "bob.smith"]],
    ["mail ann@example.com", []],
    ["(@auth0|7)", ["auth0|7"]],
    ["no one", []],
  ])("the mentions of %j are %j", (text, ids) => {
    expect(mentionsIn(text)).toEqual(ids);
  });
});
