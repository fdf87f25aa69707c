import { expect, test } from "vitest";
import { makeHandshake } from "./handshake.ts";

const plan = { port: 1, path: "/ws?channels=bench:{i}" };

test("a handshake request contains the connection's number, the subprotocol of the plan, and a token", () => {
  const { request } = makeHandshake(
    { ...plan, subprotocol: "milepost.v1.json", tokenSecret: "a".repeat(32) },
    7,
  );
  expect(request).toMatch(/^GET \/ws\?channels=bench:7 HTTP\/1\.1\r\n/);
  expect(request).toContain("Sec-WebSocket-Protocol: milepost.v1.json\r\n");
  const token = /Authorization: Bearer (\S+)/.exec(request)?.[1] ?? "";
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  expect(claims).toMatchObject({ sub: "reader-7", channels: { subscribe: ["bench:*"] } });
});
