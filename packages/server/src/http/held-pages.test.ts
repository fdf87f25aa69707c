import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { HeldPages } from "./held-pages.ts";

const service = (name: string) => ({ kind: "service", name }) as const;

describe("pages that wait to be read", () => {
  test("[P-STORE-1] one principal and a node hold a bounded number of unread pages, and a page that was read makes room", () => {
    const pages = new HeldPages();
    const responses = Array.from({ length: 64 }, () => new EventEmitter());
    for (const response of responses) pages.hold(service("a"), response);
    const limited = expect.objectContaining({ code: "rate_limited", retryAfterMs: 1_000 });
    expect(() => pages.hold(service("a"), new EventEmitter())).toThrow(limited);
    for (const name of ["b", "c", "d"])
      for (let n = 0; n < 64; n++) pages.hold(service(name), new EventEmitter());
    expect(() => pages.hold(service("e"), new EventEmitter())).toThrow(limited);
    for (const response of responses) response.emit("close");
    pages.hold(service("a"), new EventEmitter());
    expect(pages.size).toBe(193);
  });

  test("[P-STORE-1] pages that were read are held no longer, also after a failure", async () => {
    await using server = await startGateway();
    await server.gateway.publish("log:a", "e", 1);
    for (let n = 0; n < 70; n++) {
      const { status } = await server.call("GET", "/v1/channels/log:a/history?since=x");
      expect(status).toBe(400);
    }
    for (let n = 0; n < 70; n++) {
      const what = n % 2 === 0 ? "history" : "snapshot";
      expect(await server.call("GET", `/v1/channels/log:a/${what}`)).toMatchObject({ status: 200 });
    }
  });
});
