import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";

describe("the inbox over HTTP", () => {
  it("[P-INB-11] a user lists, reads and snoozes the own inbox over HTTP, and an unknown item is not found", async () => {
    await using server = await startGateway();
    const token = await server.token({ user: "7" });
    const call = (method: string, path: string, body?: unknown) =>
      server.call(method, `/v1/users/7/inbox${path}`, { body, credential: token });
    for (const id of ["n1", "n2"]) {
      await server.call("POST", "/v1/users/7/notifications", { body: { id, message: id } });
    }
    const first = await call("GET", "?limit=1");
    expect(first).toMatchObject({
      status: 200,
      body: { items: [{ id: "n2" }], counts: { unread: 2 } },
    });
    const { next } = first.body as { next: number };
    expect(await call("GET", `?limit=1&before=${next}`)).toMatchObject({
      body: { items: [{ id: "n1", data: { level: "info", message: "n1" } }] },
    });
    expect(await call("POST", "/n1/read")).toMatchObject({
      status: 200,
      body: { counts: { unread: 1 } },
    });
    expect(await call("GET", "?filter=unread")).toMatchObject({ body: { items: [{ id: "n2" }] } });
    expect(await call("POST", "/n2/snooze", { for_ms: 60_000 })).toMatchObject({ status: 200 });
    expect(await call("GET", "?filter=snoozed")).toMatchObject({ body: { items: [{ id: "n2" }] } });
    expect(await call("POST", "/read")).toMatchObject({ status: 200, body: { marked: 1 } });
    expect(await call("POST", "/none/read")).toMatchObject({ status: 404 });
    expect(await call("POST", "/n2/snooze", { until: "x" })).toMatchObject({ status: 400 });
    expect(await call("GET", "?filter=mine")).toMatchObject({ status: 400 });
    const other = await server.token({ user: "8" });
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/read"],
      ["POST", "/n1/read"],
    ] as const) {
      const refused = await server.call(method, `/v1/users/7/inbox${path}`, { credential: other });
      expect(refused).toMatchObject({ status: 403 });
    }
  });
});
