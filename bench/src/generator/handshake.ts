import { createHmac } from "node:crypto";
import { type Handshake, makeHandshake as handshakeOf } from "@milepost/load/wire";
import type { ConnectPlan } from "./connect-plan.ts";

/** Creates the opening handshake of connection number `index`. */
export function makeHandshake(plan: ConnectPlan, index: number): Handshake {
  const { port, path, subprotocol, tokenSecret } = plan;
  return handshakeOf({
    host: `127.0.0.1:${port}`,
    path: path.replace("{i}", String(index)),
    subprotocol,
    token: tokenSecret === undefined ? undefined : signToken(tokenSecret, `reader-${index}`),
  });
}

function signToken(secret: string, user: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    sub: user,
    sid: `session-of-${user}`,
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    channels: { subscribe: ["bench:*"] },
  };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
