import type { CreateOperation, ReportEvents } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { streamAnswer } from "./answer.ts";
import { httpGateway } from "./http-gateway.ts";
import { createProducer } from "./producer.ts";
import { deferred, fixture } from "./testing/fixture.ts";
import { seededRandom } from "./testing/seeded-random.ts";

const op = "op";
const work = { kind: "index", operationId: op };

/** Answers of something in between, by what it is. */
const foreign: Record<string, () => Response> = {
  "a load balancer that says 503 in JSON": () =>
    Response.json({ code: "SERVICE_UNAVAILABLE" }, { status: 503 }),
  "a load balancer that says 503 with one of our codes": () =>
    Response.json({ code: "bad_message", detail: "no", retryable: false }, { status: 503 }),
  "a firewall that says 403 in JSON": () => Response.json({ code: "WAF_BLOCKED" }, { status: 403 }),
  "a firewall that says 403 with one of our codes": () =>
    Response.json({ code: "forbidden", detail: "no" }, { status: 403 }),
  "a proxy that wants to be logged in to": () => page("<html>log in</html>", 401),
  "a proxy that knows no such page": () => page("<html>not found</html>", 404),
  "a proxy that finds the request bad": () => page("<html>bad request</html>", 400),
  "a captive portal": () => page("<html>welcome</html>", 200),
  "a captive portal in JSON": () => Response.json({ welcome: true }),
  "a redirect": () => new Response(null, { status: 302, headers: { location: "/login" } }),
  "a proxy that finds every request too large": () => page("<html>too large</html>", 413),
  "a proxy that redirects to a path of the gateway that does not exist": () => {
    const document = { type: "urn:milepost:error:not_found", code: "not_found", detail: "no path" };
    const headers = { "content-type": "application/problem+json" };
    const response = Response.json(document, { status: 404, headers });
    return Object.defineProperty(response, "redirected", { value: true });
  },
  "a proxy that is asked too often": () =>
    new Response("slow down", { status: 429, headers: { "retry-after": "1" } }),
};

function page(html: string, status: number): Response {
  return new Response(html, { status, headers: { "content-type": "text/html" } });
}

/** Producer that reaches a gateway over HTTP, through something that may answer in its place. */
function throughProxy() {
  const { clock, gateway, problems } = fixture();
  const proxy = {
    /** Answers a request in the gateway's place, or returns undefined to pass it on. */
    answer: (_path: string, _body: string): Response | undefined => undefined,
    calls: 0,
  };
  const fetch = async (url: URL, init: { body?: string }): Promise<Response> => {
    const { body = "" } = init;
    proxy.calls++;
    const own = proxy.answer(url.pathname, body);
    if (own !== undefined) return own;
    try {
      return Response.json(await passed(url, body));
    } catch (thrown) {
      const { code, message } = thrown as MilepostError;
      const document = { type: `urn:milepost:error:${code}`, code, detail: message };
      const headers = { "content-type": "application/problem+json" };
      return Response.json(document, { status: 400, headers });
    }
  };
  const passed = async ({ pathname, searchParams }: URL, body: string) => {
    const id = pathname.split("/")[3] ?? "";
    if (pathname.endsWith("/events"))
      return { results: await gateway.report(id, JSON.parse(body) as ReportEvents) };
    if (pathname.endsWith("/commands")) {
      const producer = searchParams.get("producer") ?? "";
      const waitMs = Number(searchParams.get("wait")) * 1_000;
      return { commands: await gateway.pendingCommands({ producer }, waitMs) };
    }
    return gateway.create(JSON.parse(body) as CreateOperation);
  };
  const producer = createProducer({
    gateway: httpGateway({
      url: "http://gateway.test",
      apiKey: "k",
      clock,
      fetch: fetch as typeof globalThis.fetch,
    }),
    clock,
    random: seededRandom(1),
    onProblem: (problem) => problems.push(problem),
  });
  return { clock, gateway, producer, problems, proxy };
}

describe("answers of something between a producer and its gateway", () => {
  for (const [what, answer] of Object.entries(foreign)) {
    test(`[P-HTTP-8] nothing is lost to ${what} for 3 s, and commands arrive afterwards`, async () => {
      const { clock, gateway, producer, problems, proxy } = throughProxy();
      proxy.answer = answer;
      const held = deferred();
      const run = producer.start(work, async (handle) => {
        for (let n = 0; n < 30; n++) handle.info(`line ${n}`);
        await handle.step("scan", () => held.promise);
        await handle.pausePoint();
      });
      await clock.advance(3_000);
      proxy.answer = () => undefined;
      await clock.advance(20_000);
      expect(gateway.state(op)).toMatchObject({ status: "running" });
      proxy.answer = answer;
      await clock.advance(3_000);
      proxy.answer = () => undefined;
      await clock.advance(20_000);
      gateway.command(op, "cancel");
      await clock.advance(1_000);
      held.resolve();
      await clock.advance(1_000);
      await expect(run.delivered).resolves.toBe(true);
      expect(gateway.state(op)).toMatchObject({ status: "cancelled" });
      expect(gateway.state(op).log).toHaveLength(30);
      expect(gateway.names(op).filter((name) => name === "started")).toHaveLength(1);
      expect(problems.every(({ effect }) => effect === "retrying")).toBe(true);
    });
  }

  for (const maxLength of [600, 2_000, 20_000]) {
    test(`a proxy that takes bodies of ${maxLength} characters gets all reports in batches that it takes`, async () => {
      const { clock, gateway, producer, problems, proxy } = throughProxy();
      proxy.answer = (_, body) =>
        body.length > maxLength ? page("<html>too large</html>", 413) : undefined;
      const run = producer.start(work, (handle) => {
        for (let n = 0; n < 300; n++) handle.info(`line ${n} ${"x".repeat(100)}`);
        handle.step("scan", { status: "done" });
        return { ok: true };
      });
      await clock.advance(4_000);
      await expect(run.delivered).resolves.toBe(true);
      expect(gateway.state(op)).toMatchObject({ status: "done", result: { ok: true } });
      const lines = gateway.data<{ message: string }>(op, "log").map(({ message }) => message);
      expect(lines.map((line) => Number(line.split(" ")[1]))).toEqual(
        Array.from({ length: 300 }, (_, n) => n),
      );
      expect(problems).toEqual([]);
      expect(proxy.calls).toBeLessThan(1_000);
    });
  }

  test("what a proxy finds too large by itself is left out, and the rest arrives", async () => {
    const { clock, gateway, producer, problems, proxy } = throughProxy();
    proxy.answer = (_, body) =>
      body.length > 1_000 ? page("<html>too large</html>", 413) : undefined;
    const long = "x".repeat(3_000);
    const run = producer.start({ ...work, title: "T", input: long }, (handle) => {
      handle.info("before");
      handle.info("with data", long);
      handle.step("scan", { message: long, status: "done" });
      return long;
    });
    await clock.advance(4_000);
    await expect(run.delivered).resolves.toBe(false);
    const state = gateway.state(op);
    expect(state).toMatchObject({ status: "done", title: "T", steps: [{ status: "done" }] });
    expect(state.log.map(({ message }) => message)).toEqual(["before", "with data"]);
    expect(problems.map(({ code, event }) => [code, event])).toEqual([
      ["too_large", "created"],
      ["too_large", "log"],
      ["too_large", "step"],
      ["too_large", "done"],
    ]);
  });

  test("a firewall that dislikes one report does not keep the reports before it", async () => {
    const { clock, gateway, producer, proxy } = throughProxy();
    proxy.answer = (_, body) =>
      body.includes("DROP TABLE") ? page("<html>blocked</html>", 403) : undefined;
    producer.start(work, async (handle) => {
      for (let n = 0; n < 20; n++) handle.info(`line ${n}`);
      handle.info("DROP TABLE");
      await deferred().promise;
    });
    await clock.advance(10_000);
    expect(gateway.state(op).log).toHaveLength(20);
  });

  test("a firewall that dislikes one report for good loses that report alone, with a complaint", async () => {
    const { clock, gateway, producer, problems, proxy } = throughProxy();
    proxy.answer = (_, body) =>
      body.includes("DROP TABLE") ? page("<html>blocked</html>", 403) : undefined;
    const held = deferred();
    const run = producer.start(work, async (handle) => {
      handle.info("before");
      handle.info("query", { sql: "DROP TABLE" });
      handle.info("DROP TABLE");
      handle.info("after");
      await held.promise;
      return "DROP TABLE";
    });
    await clock.advance(30_000);
    expect(gateway.state(op).log.map(({ message }) => message)).toEqual([
      "before",
      "query",
      "after",
    ]);
    held.resolve();
    await clock.advance(5_000);
    await expect(run.delivered).resolves.toBe(false);
    expect(gateway.state(op).status).toBe("done");
    expect(gateway.state(op).result).toBeUndefined();
    const lost = problems.filter(({ effect }) => effect === "dropped");
    expect(lost.map(({ event }) => event)).toEqual(["log", "log", "done"]);
  });

  test("a firewall that dislikes the input of an operation for good does not hide the operation", async () => {
    const { clock, gateway, producer, problems, proxy } = throughProxy();
    proxy.answer = (_, body) =>
      body.includes("DROP TABLE") ? page("<html>blocked</html>", 403) : undefined;
    const owned = { ...work, title: "T", input: "DROP TABLE", user: "u", session: "s" };
    const run = producer.start(owned, async (handle) => {
      await handle.step("scan", () => deferred().promise);
    });
    await clock.advance(60_000);
    expect(gateway.state(op)).toMatchObject({ status: "running", user_id: "u", session_id: "s" });
    expect(gateway.state(op)).not.toHaveProperty("input");
    await expect(run.created).resolves.toBe(true);
    const lost = problems.filter(({ effect }) => effect === "dropped");
    expect(lost.map(({ event }) => event)).toEqual(["created"]);
  });

  for (const [what, answer] of Object.entries(foreign)) {
    test(`while the work begins and ends, ${what} takes neither its owner nor its end from an operation`, async () => {
      const { clock, gateway, producer, proxy } = throughProxy();
      const held = deferred();
      const run = producer.start({ ...work, user: "u", session: "s" }, () => held.promise);
      proxy.answer = answer;
      await clock.advance(500);
      proxy.answer = () => undefined;
      await clock.advance(20_000);
      proxy.answer = (_, body) => (body.includes('"done"') ? answer() : undefined);
      held.resolve();
      await clock.advance(3_500);
      proxy.answer = () => undefined;
      await clock.advance(5_000);
      await expect(run.delivered).resolves.toBe(true);
      expect(gateway.state(op)).toMatchObject({ status: "done", user_id: "u", session_id: "s" });
    });
  }

  for (const [size, length, isKept] of [
    ["small", 100, true],
    ["large", 3_000, false],
  ] as const) {
    test(`a proxy that finds every request too large for a while takes no owner from an operation with a ${size} input`, async () => {
      const { clock, gateway, producer, proxy } = throughProxy();
      proxy.answer = () => page("<html>too large</html>", 413);
      const input = "x".repeat(length);
      const owned = { ...work, title: "T", input, user: "u", session: "s" };
      const run = producer.start(owned, (handle) => handle.info("line"));
      await clock.advance(1_000);
      proxy.answer = () => undefined;
      await clock.advance(8_000);
      // Only of a large request it may be true.
      await expect(run.delivered).resolves.toBe(isKept);
      const state = gateway.state(op);
      expect(state).toMatchObject({ status: "done", title: "T", user_id: "u", session_id: "s" });
      expect("input" in state).toBe(isKept);
      expect(state.log).toHaveLength(1);
    });
  }

  test("an empty report that is refused as too large is repeated, and reporting goes on", async () => {
    const { clock, gateway, producer, proxy } = throughProxy();
    const held = deferred();
    const run = producer.start(work, () => held.promise);
    await clock.advance(1_000);
    proxy.answer = () => page("<html>too large</html>", 413);
    await clock.advance(40_000);
    proxy.answer = () => undefined;
    held.resolve();
    await clock.advance(5_000);
    await expect(run.delivered).resolves.toBe(true);
    expect(gateway.state(op).status).toBe("done");
  });

  test("a chat answer is streamed in pieces that a proxy takes", async () => {
    const { clock } = fixture();
    const pieces: string[] = [];
    const answer = streamAnswer({
      chat: "42",
      clock,
      random: seededRandom(1),
      publish: async (_channel, _event, data) => {
        const { content } = data as { content: string };
        if (content.length > 100) throw new MilepostError("too_large", "413");
        pieces.push(content);
      },
    });
    const text = "ab😀".repeat(400);
    answer.write(text);
    await clock.advance(100);
    const ended = answer.end();
    await clock.advance(10_000);
    await expect(ended).resolves.toBe(true);
    expect(pieces.join("")).toBe(text);
    expect(pieces.every((piece) => piece === Buffer.from(piece).toString())).toBe(true);
  });
});
