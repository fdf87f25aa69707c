import { expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";

it("[P-DIG-1] [P-DIG-3] a user reads the digest over HTTP and by request, and says what was seen", async () => {
  await using server = await startGateway();
  const token = await server.token({ user: "7" });
  const call = (method: string, path: string, body?: unknown) =>
    server.call(method, `/v1/users/7/${path}`, { body, credential: token });
  expect(await call("GET", "digest")).toMatchObject({ status: 200, body: { more: false } });
  const early = Date.now() - 600_000;
  expect(await call("POST", "seen", { at: early })).toMatchObject({
    status: 200,
    body: { at: early },
  });
  const operation = { kind: "index", title: "Index", operation_id: "9", user_id: "7" };
  const created = await server.call("POST", "/v1/operations", { body: operation });
  const { lease } = created.body as { lease: { token: string } };
  const events = [
    { event: "started", data: {} },
    { event: "step", data: { id: "scan", status: "done" } },
    { event: "log", data: { level: "warning", message: "one left out" } },
  ];
  await server.call("POST", "/v1/operations/9/events", { body: { lease: lease.token, events } });
  const first = await call("GET", "digest");
  expect(first).toMatchObject({
    status: 200,
    body: { since: early, totals: { steps_done: 1, warnings: 1, started: 1 } },
  });
  const { seen } = first.body as { seen: object };
  expect(await call("POST", "seen", seen)).toMatchObject({ status: 200 });
  const after = await call("GET", "digest");
  expect(after).toMatchObject({ body: { totals: { steps_done: 0, warnings: 0 }, operations: [] } });
  expect(await call("POST", "seen", {})).toMatchObject({ status: 400 });
  expect(await call("POST", "seen", { later: true })).toMatchObject({ status: 400 });
  const other = await server.token({ user: "8" });
  const refused = await server.call("GET", "/v1/users/7/digest", { credential: other });
  expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
});
