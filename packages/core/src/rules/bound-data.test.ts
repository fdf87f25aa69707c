import { describe, expect, test } from "vitest";
import { testCore } from "../testing/index.ts";

const retention = { maxEntries: 100, maxAgeMs: 60_000 };
const open = { subscribe: "authenticated", publish: "authenticated", retention } as const;
const rules = [
  { pattern: "room:*", ...open, bind: { userId: "{sub}", "from.team": "{team}" } },
  { pattern: "lobby:*", ...open, publish: "guests", bind: { guest: "{guest}" } },
] as const;

describe("data that is bound to the publisher", () => {
  test("[P-RULE-11] bound fields must be there and have the publisher's own values, with their type", async () => {
    await using t = testCore({ rules });
    const ada = t.user("ada", { claims: { team: ["red", 7] } });
    const publish = (data: unknown) => t.core.channels.publish(ada, "room:a", "said", data);
    await publish({ userId: "ada", from: { team: "red" }, text: "hello" });
    await publish({ userId: "ada", from: { team: 7 } });
    for (const data of [
      { userId: "eve", from: { team: "red" } },
      { userId: "Ada", from: { team: "red" } },
      { userId: ["ada"], from: { team: "red" } },
      { userId: "ada", from: { team: "blue" } },
      { userId: "ada", from: { team: "7" } },
      { userId: "ada" },
      { userId: "ada", "from.team": "red" },
      { from: { team: "red" } },
      "ada",
      null,
      [],
    ]) {
      await expect(publish(data)).rejects.toMatchObject({ code: "forbidden" });
    }
    const { entries } = await t.core.channels.history(t.service, "room:a");
    expect(entries).toHaveLength(2);
  });

  test("[P-RULE-11] a bound field that is there twice is refused over a connection, whichever value comes first", async () => {
    await using t = testCore({ rules });
    const socket = t.connect({ principal: t.user("ada", { claims: { team: "red" } }) });
    await t.clock.settle();
    socket.take();
    for (const ids of ['"userId":"eve","userId":"ada"', '"userId":"ada","userId":"eve"']) {
      const data = `{${ids},"from":{"team":"red"}}`;
      socket.sendText(`{"type":"publish","id":1,"channel":"room:a","event":"said","data":${data}}`);
      await t.clock.settle();
      expect(socket.take()).toMatchObject([{ error: { code: "bad_message" } }]);
    }
  });

  test("[P-RULE-11] a service is bound to nothing, and a publisher without the bound value may publish nothing", async () => {
    await using t = testCore({ rules });
    await t.publish("room:a", "said", { userId: "anyone" });
    const nobody = t.user(undefined, { session: "s", claims: { team: "red" } });
    const data = { userId: undefined, from: { team: "red" } };
    await expect(t.core.channels.publish(nobody, "room:a", "said", data)).rejects.toMatchObject({
      code: "forbidden",
    });
    const guest = t.user(undefined, { guest: "g1" });
    await t.core.channels.publish(guest, "lobby:a", "said", { guest: "g1" });
    const other = t.core.channels.publish(guest, "lobby:a", "said", { guest: "g2" });
    await expect(other).rejects.toMatchObject({ code: "forbidden" });
  });

  test("[P-RULE-6] a binding that names no claim is refused", () => {
    for (const bind of [{ userId: "sub" }, { userId: "" }, { "": "{sub}" }, {}]) {
      expect(() => testCore({ rules: [{ pattern: "a", ...open, bind }] })).toThrow(
        /rule "a": bind /,
      );
    }
  });
});
