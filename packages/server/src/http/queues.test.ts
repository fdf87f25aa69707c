import { describe, expect, test } from "vitest";
import { ConfigError } from "../config/config-error.ts";
import { loadConfig } from "../config/load-config.ts";
import { startGateway } from "../testing/test-gateway.ts";

const preview = {
  queue: "preview",
  join: "authenticated",
  lanes: { paid: 3, free: 1 },
  laneClaim: "plan",
} as const;

describe("queues over HTTP", () => {
  test("[P-QUE-1] [P-QUE-4] a user joins and looks, and a worker claims and finishes its ticket", async () => {
    await using server = await startGateway({ queues: [preview] });
    const ada = await server.token({ user: "ada" });
    const path = "/v1/queues/preview";
    const joined = await server.call("POST", `${path}/tickets`, { credential: ada, body: {} });
    expect(joined).toMatchObject({
      status: 201,
      body: { position: 1, total: 1, ahead_in_lane: 0, estimated_wait: null, lane: "free" },
    });
    const again = await server.call("POST", `${path}/tickets`, { credential: ada, body: {} });
    expect(again).toMatchObject({ status: 200, body: { id: joined.body.id, duplicate: true } });
    const at = `${path}/tickets/${joined.body.id}`;
    expect(await server.call("GET", at, { credential: ada })).toMatchObject({
      status: 200,
      body: { position: 1 },
    });
    const claimed = await server.call("POST", `${path}/claim`, { body: { worker: "w1" } });
    expect(claimed).toMatchObject({ status: 200, body: { id: joined.body.id, status: "running" } });
    expect((await server.call("POST", `${path}/claim`, { body: { worker: "w1" } })).status).toBe(
      204,
    );
    const { fence } = claimed.body.lease as { fence: number };
    const stale = await server.call("POST", `${at}/finish`, { body: { fence: fence + 1 } });
    expect(stale).toMatchObject({ status: 409, body: { code: "stale_lease" } });
    expect(await server.call("POST", `${at}/extend`, { body: { fence } })).toMatchObject({
      status: 200,
      body: { lease: { fence } },
    });
    expect(await server.call("POST", `${at}/finish`, { body: { fence } })).toMatchObject({
      status: 200,
      body: { status: "finished" },
    });
    expect(await server.call("GET", path)).toMatchObject({
      status: 200,
      body: { total: { joined: 1, served: 1, finished: 1 } },
    });
  });

  test("[P-QUE-7] [P-QUE-8] a key configures a queue, joins for a person, and the person leaves", async () => {
    await using server = await startGateway();
    const path = "/v1/queues/renders";
    const capacity = { times: [{ from: "00:00", to: "24:00", capacity: 3 }] };
    const put = await server.call("PUT", path, { body: { capacity, lanes: { paid: 3, free: 1 } } });
    expect(put).toMatchObject({ status: 200, body: { capacity, capacity_now: 3 } });
    const body = { user: "ada", lane: "paid" };
    const joined = await server.call("POST", `${path}/tickets`, { body });
    expect(joined).toMatchObject({ status: 201, body: { lane: "paid" } });
    const credential = await server.token({ user: "ada" });
    const at = `${path}/tickets/${joined.body.id}`;
    const eve = await server.token({ user: "eve" });
    expect((await server.call("DELETE", at, { credential: eve })).status).toBe(404);
    expect((await server.call("DELETE", at, { credential })).status).toBe(204);
    expect((await server.call("GET", at, { credential })).body).toMatchObject({ status: "left" });
    expect((await server.call("GET", "/v1/queues")).body).toMatchObject({
      queues: [{ queue: "renders", waiting: 0 }],
    });
    const wrong = await server.call("PUT", path, { body: { capacity: "many" } });
    expect(wrong).toMatchObject({ status: 400, body: { detail: /capacity/ } });
  });

  test("[P-QUE-3] a key joins for a guest, who finds the ticket as its own and leaves with it", async () => {
    await using server = await startGateway({
      queues: [{ ...preview, join: "nobody" }],
      guests: true,
    });
    const path = "/v1/queues/preview/tickets";
    const { body: made } = await server.call("POST", "/v1/guests", { body: { name: "visitor_1" } });
    const joined = await server.call("POST", path, {
      body: { guest: made.guest_id, lane: "paid" },
    });
    expect(joined).toMatchObject({ status: 201, body: { lane: "paid", guest_id: "visitor_1" } });
    const again = await server.call("POST", path, { body: { guest: "visitor_1", lane: "paid" } });
    expect(again).toMatchObject({ status: 200, body: { id: joined.body.id, duplicate: true } });
    const at = `${path}/${joined.body.id}`;
    const credential = String(made.token);
    expect((await server.call("GET", at, { credential })).body).toMatchObject({ position: 1 });
    const own = await server.call("POST", path, { credential, body: { lane: "paid" } });
    expect(own.status).toBe(403);
    const { body: other } = await server.call("POST", "/v1/guests", {
      body: { name: "visitor_2" },
    });
    const stranger = { credential: String(other.token) };
    expect((await server.call("GET", at, stranger)).status).toBe(404);
    expect((await server.call("DELETE", at, { credential })).status).toBe(204);
    for (const body of [{}, { guest: "a", user: "b" }, { guest: "a b" }, { guest: "" }]) {
      expect((await server.call("POST", path, { body })).status).toBe(400);
    }
  });

  test("[P-QUE-10] the configuration names each mistake of a queue's rule with its fix", () => {
    const queues = [
      { queue: "preview", join: "granted", laneClaim: "plan" },
      { queue: "x:{user}", join: "own-session", capacity: { times: [] }, graceMs: 5 },
    ];
    const settings = JSON.stringify({ queues, tokenSecret: "x".repeat(48) });
    let mistakes: readonly string[] = [];
    try {
      loadConfig({ env: {}, file: "milepost.json", readFile: () => settings });
    } catch (error) {
      if (error instanceof ConfigError) mistakes = error.mistakes;
    }
    const text = mistakes.join("\n");
    expect(text).toMatch(/queues\.0\.join cannot be granted.*use authenticated/);
    expect(text).toMatch(/queues\.0\.laneClaim needs lanes/);
    expect(text).toMatch(/queues\.1\.join is own-session, so queue must have \{session\}/);
    expect(text).toMatch(/queues\.1\.capacity must have times/);
    expect(text).toMatch(/queues\.1\.graceMs must be a whole number from 1000/);
  });
});
