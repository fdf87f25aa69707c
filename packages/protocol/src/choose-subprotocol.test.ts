import { describe, expect, it } from "vitest";
import { chooseSubprotocol } from "./choose-subprotocol.ts";

const json = "milepost.v1.json";
const msgpack = "milepost.v1.msgpack";
const token = "milepost.token.abc.def.ghi";

describe("[P-DIA-7] the choice among the subprotocols that a client offers", () => {
  it.each([
    ["nothing", [], "plain", undefined, undefined],
    ["a token alone", [token], "plain", token, "abc.def.ghi"],
    ["the JSON dialect", [json], json, json, undefined],
    ["the JSON dialect and a token", [json, token], json, json, "abc.def.ghi"],
    ["a token and the JSON dialect", [token, json], json, json, "abc.def.ghi"],
    ["msgpack", [msgpack, token], msgpack, msgpack, "abc.def.ghi"],
    ["msgpack before JSON", [token, msgpack, json], msgpack, msgpack, "abc.def.ghi"],
    ["JSON before msgpack", [json, msgpack], json, json, undefined],
    ["a newer version as well", ["milepost.v2.json", json], json, json, undefined],
    [
      "two tokens, of which the first counts",
      [token, "milepost.token.x"],
      "plain",
      token,
      "abc.def.ghi",
    ],
    ["an empty token", ["milepost.token."], "plain", "milepost.token.", ""],
  ])(
    "chooseSubprotocol picks the right dialect, answer and token for an offer of %s",
    (_, offered, dialect, select, found) => {
      expect(chooseSubprotocol(offered)).toEqual({ dialect, select, token: found });
    },
  );

  it.each([
    [["milepost.v2.json"]],
    [["milepost.v2.msgpack", token]],
    [["graphql-ws"]],
    [["MILEPOST.V1.JSON"]],
    [[""]],
    [["__proto__"]],
  ])(
    "chooseSubprotocol picks no dialect for the offer %j, which names only unknown protocols",
    (offered) => {
      expect(chooseSubprotocol(offered)).toMatchObject({ dialect: undefined, select: undefined });
    },
  );
});
