import { request } from "node:http";
import { RecordingMeter } from "@milepost/core/testing";
import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway, tokenSecret } from "../testing/test-gateway.ts";

const apiKeys = [
  { name: "scraper", key: "key-of-the-scraper", scopes: ["metrics"] },
  { name: "publisher", key: "key-of-the-publisher", scopes: ["publish:chat:*"] },
  { name: "all", key: "key-of-everything" },
];
const auth = { tokenSecret, apiKeys };

async function scrape(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    headers: { Authorization: "Bearer key-of-the-scraper", ...headers },
  });
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    text: await response.text(),
  };
}

/** Names of the families of an exposition. */
function families(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name);
}

/** Requests with a `Host` of its own, which `fetch` does not allow. */
function statusWithHost(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", path: "/metrics", headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

async function withTraffic(server: TestGateway): Promise<void> {
  const socket = await server.socket("/ws/chat/42");
  await socket.nextOf("subscribed");
  await server.gateway.publish("chat:42", "message", "hello");
  await socket.nextOf("message");
}

describe("GET /metrics", () => {
  it("[P-MET-1] answers a key with the scope metrics, or with all scopes, and refuses every other credential", async () => {
    await using server = await startGateway({ auth });
    const status = async (credential: string | null) => {
      const headers = credential === null ? {} : { Authorization: `Bearer ${credential}` };
      const response = await fetch(`${server.url}/metrics`, { headers });
      await response.text();
      return response.status;
    };
    expect(await status("key-of-the-scraper")).toBe(200);
    expect(await status("key-of-everything")).toBe(200);
    expect(await status("key-of-the-publisher")).toBe(403);
    expect(await status(await server.token())).toBe(403);
    expect(await status("wrong-key-of-nobody")).toBe(401);
    expect(await status(null)).toBe(401);
    const post = await server.call("POST", "/metrics", { credential: "key-of-the-scraper" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("[P-MET-2] answers in the text format of Prometheus, or in OpenMetrics where the scraper prefers it", async () => {
    await using server = await startGateway({ auth });
    await withTraffic(server);
    const text = await scrape(`${server.url}/metrics`);
    expect(text.type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text.text).toContain("# TYPE milepost_deliveries_total counter\n");
    expect(text.text).toContain("\nmilepost_deliveries_total 1\n");
    expect(text.text).toContain('milepost_connections_opened_total{consumer="websocket"} 1\n');
    const accept =
      "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const open = await scrape(`${server.url}/metrics`, { Accept: accept });
    expect(open.type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(open.text).toContain("# TYPE milepost_deliveries counter\n");
    expect(open.text).toContain("\nmilepost_deliveries_total 1\n");
    expect(open.text).not.toContain("_total_total");
    expect(open.text.endsWith("\n# EOF\n")).toBe(true);
    const prefersText = { Accept: "text/plain, application/openmetrics-text;q=0.2" };
    expect((await scrape(`${server.url}/metrics`, prefersText)).type).toMatch(/^text\/plain/);
  });

  it("[P-MET-3] every name begins with milepost_, and no label or value has a user, a session, a channel or an id", async () => {
    await using server = await startGateway({ auth });
    await withTraffic(server);
    const { operation } = (
      await server.call("POST", "/v1/operations", {
        credential: "key-of-everything",
        body: { kind: "index", operation_id: "secret-operation", user_id: "ada" },
      })
    ).body;
    expect(operation.kind).toBe("index");
    const { text } = await scrape(`${server.url}/metrics`);
    expect(families(text).filter((name) => !name.startsWith("milepost_"))).toEqual([]);
    expect(text).not.toMatch(/chat:42|secret-operation|"ada"|"7"|"s1"|websocket:/);
  });

  it("reports the process: version, processor, memory, descriptors, event loop and garbage collection", async () => {
    await using server = await startGateway({ auth });
    await scrape(`${server.url}/metrics`);
    const { text } = await scrape(`${server.url}/metrics`);
    expect(text).toMatch(/^milepost_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
    expect(text).toContain(`milepost_runtime_info{version="${process.version}"} 1`);
    expect(text).toMatch(/^milepost_process_cpu_seconds_total\{mode="user"\} 0?\.?[0-9.]+$/m);
    expect(text).toMatch(/^milepost_process_memory_bytes\{area="resident"\} [1-9]\d+$/m);
    expect(text).toMatch(/^milepost_process_open_descriptors [1-9]\d*$/m);
    expect(text).toMatch(/^milepost_process_max_descriptors [1-9]\d*$/m);
    expect(text).toMatch(/^milepost_event_loop_delay_milliseconds\{quantile="0.99"\} /m);
    expect(text).toMatch(/^milepost_gc_pauses_total\{kind="major"\} /m);
  });

  it("a gateway with a meter of its host program, and one without metrics, say that they keep none", async () => {
    for (const options of [{ meter: new RecordingMeter() }, { metrics: false }]) {
      await using server = await startGateway({ auth, ...options });
      const { status, text } = await scrape(`${server.url}/metrics`);
      expect([status, JSON.parse(text).code]).toEqual([404, "not_supported"]);
      await expect(server.gateway.metrics()).rejects.toMatchObject({ code: "not_supported" });
    }
  });

  it("a host program gets the metrics as text, to serve them on its own path", async () => {
    await using server = await startGateway({ auth });
    const { contentType, body } = await server.gateway.metrics("application/openmetrics-text");
    expect(contentType).toMatch(/^application\/openmetrics-text/);
    expect(body).toContain("milepost_connections 0\n");
  });
});

describe("the port for scrapers", () => {
  it("[P-MET-4] answers /metrics without a key, and nothing else", async () => {
    await using server = await startGateway({ auth, metrics: { port: 0 } });
    const { address, port } = server.gateway.metricsAddress() ?? { address: "", port: 0 };
    expect(address).toBe("127.0.0.1");
    const get = async (path: string, method = "GET") => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      return { status: response.status, text: await response.text() };
    };
    expect((await get("/metrics")).text).toContain("milepost_connections 0\n");
    expect((await get("/metrics?x=1")).status).toBe(200);
    expect((await get("/v1/publish")).status).toBe(404);
    expect((await get("/metrics", "POST")).status).toBe(405);
    expect((await get("/metrics", "HEAD")).text).toBe("");
    await server.gateway.close();
    await expect(get("/metrics")).rejects.toThrow();
  });

  it("[P-MET-4] on loopback, answers only to loopback names, so that no page reads it under another name", async () => {
    await using server = await startGateway({ auth, metrics: { port: 0 } });
    const port = server.gateway.metricsAddress()?.port ?? 0;
    expect(await statusWithHost(port, `evil.example:${port}`)).toBe(403);
    expect(await statusWithHost(port, `localhost:${port}`)).toBe(200);
    expect(await statusWithHost(port, `[::1]:${port}`)).toBe(200);
  });

  it("a gateway whose port for scrapers is taken does not listen at all, and says why", async () => {
    await using server = await startGateway({ auth, metrics: { port: 0 } });
    const port = server.gateway.metricsAddress()?.port ?? 0;
    await expect(startGateway({ auth, metrics: { port } })).rejects.toThrow(
      `port ${port} on 127.0.0.1 is in use`,
    );
  });
});
