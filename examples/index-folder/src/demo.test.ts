import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Demo, startDemo } from "./demo.ts";
import { readSettings } from "./settings.ts";
import type { Visit } from "./visitors.ts";

let folder: string;
let demo: Demo;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "milepost-demo-test-"));
  await mkdir(join(folder, "root", "notes"), { recursive: true });
  await writeFile(join(folder, "root", "notes", "a.md"), "The milestone stands by the road.");
  // At the slow pace, reading these takes a job several seconds.
  await mkdir(join(folder, "root", "many"));
  for (let i = 0; i < 100; i++) await writeFile(join(folder, "root", "many", `${i}.md`), "stone");
  await mkdir(join(folder, "page", "assets"), { recursive: true });
  await writeFile(join(folder, "page", "index.html"), "<!doctype html><title>Page</title>");
  await writeFile(join(folder, "page", "assets", "main-1.js"), "export {};");
  await writeFile(join(folder, "secret.html"), "secret");
  const settings = readSettings({ MILEPOST_PORT: "0" }, join(folder, "root"));
  const plain = fileURLToPath(new URL("../plain", import.meta.url));
  demo = await startDemo(settings, { built: join(folder, "page"), plain });
});

afterAll(async () => {
  await demo.close();
  await rm(folder, { recursive: true, force: true });
});

async function visit(cookie?: string): Promise<{ visit: Visit; cookie: string }> {
  const response = await fetch(`${demo.url}/demo/visit`, {
    method: "POST",
    headers: cookie ? { cookie } : {},
  });
  expect(response.status).toBe(200);
  const set = response.headers.get("set-cookie") ?? "";
  expect(set).toMatch(/; HttpOnly; SameSite=Strict;/);
  return { visit: (await response.json()) as Visit, cookie: set.split(";")[0] ?? "" };
}

function bearer({ token }: Visit): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function startJob(headers: Record<string, string>, body: unknown): Promise<Response> {
  return fetch(`${demo.url}/demo/jobs`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Sends a request exactly as given: the path is not normalised, and any header is allowed. */
function raw(path: string, headers: Record<string, string> = {}, method = "GET") {
  return new Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }>(
    (resolve, reject) => {
      const { hostname, port } = new URL(demo.url);
      request({ hostname, port, path, headers, method }, async (response) => {
        let body = "";
        for await (const chunk of response) body += String(chunk);
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
      })
        .on("error", reject)
        .end();
    },
  );
}

test("a visit continues by its cookie with a fresh token each time; a forged cookie begins a new visit", async () => {
  const first = await visit();
  const second = await visit(first.cookie);
  expect(second.visit.session_id).toBe(first.visit.session_id);
  expect(second.visit.user_id).toBe(first.visit.user_id);
  expect(second.visit.expires_at).toBeGreaterThan(Date.now() + 9 * 60_000);
  const forged = await visit(`milepost_visit=${first.visit.session_id}.forged`);
  expect(forged.visit.session_id).not.toBe(first.visit.session_id);
});

test("a job runs and reports to its session, and only its visitor may search its index", async () => {
  const mine = await visit();
  const other = await visit();
  const started = await startJob(bearer(mine.visit), { path: "notes", pace: "full" });
  expect(started.status).toBe(202);
  const { operation_id: id } = (await started.json()) as { operation_id: string };

  let state: { status: string; input?: unknown; result?: unknown } = { status: "" };
  while (state.status !== "done") {
    const response = await fetch(`${demo.url}/v1/operations/${id}`, {
      headers: bearer(mine.visit),
    });
    if (response.status === 404) continue;
    expect(response.status).toBe(200);
    state = ((await response.json()) as { operation: typeof state }).operation;
    expect(state.status).not.toBe("failed");
  }
  expect(state).toMatchObject({
    input: { path: "notes", pace: "full" },
    result: { files: 1, skipped: 0, tokens: 6 },
  });

  const url = `${demo.url}/demo/operations/${id}/search?q=milestone`;
  const found = await fetch(url, { headers: { cookie: mine.cookie } });
  expect(await found.json()).toEqual({
    total: 1,
    hits: [
      {
        path: "a.md",
        line: 1,
        snippet: "The milestone stands by the road.",
        highlights: [[4, 13]],
      },
    ],
  });
  for (const headers of [bearer(other.visit), { cookie: other.cookie }]) {
    expect((await fetch(url, { headers })).status).toBe(404);
  }
  expect((await fetch(url)).status).toBe(401);
  expect(
    (await fetch(`${demo.url}/v1/operations/${id}`, { headers: bearer(other.visit) })).status,
  ).toBe(404);
});

test("a job that cannot start is refused with a problem document", async () => {
  const { visit: mine } = await visit();
  const cases: [unknown, number, string][] = [
    [{ path: "../.." }, 403, "forbidden"],
    [{ path: "/etc" }, 403, "forbidden"],
    [{ path: "nothing" }, 404, "not_found"],
    [{ path: "notes/a.md" }, 400, "bad_message"],
    [{ path: 7 }, 400, "bad_message"],
    [{ pace: "warp" }, 400, "bad_message"],
    [{ pace: "toString" }, 400, "bad_message"],
    [[], 400, "bad_message"],
    [{ path: "x".repeat(20_000) }, 413, "too_large"],
  ];
  for (const [body, status, code] of cases) {
    const response = await startJob(bearer(mine), body);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      status,
      "application/problem+json",
    ]);
    expect(await response.json()).toMatchObject({ code, status });
  }
  expect((await startJob({}, {})).status).toBe(401);
  expect((await startJob({ authorization: "Bearer x" }, {})).status).toBe(401);
});

test("one visitor cannot fill the waiting line of jobs", async () => {
  const { visit: mine } = await visit();
  const slow = { path: "many", pace: "slow" };
  const answers = await Promise.all(Array.from({ length: 8 }, () => startJob(bearer(mine), slow)));
  const refused = answers.filter(({ status }) => status !== 202);
  expect(refused.map(({ status }) => status)).toEqual([429, 429, 429]);
  expect(await refused[0]?.json()).toMatchObject({ code: "rate_limited" });
  const { visit: other } = await visit();
  expect((await startJob(bearer(other), slow)).status).toBe(202);
});

test("pages of other origins and foreign host names are refused", async () => {
  const { host } = new URL(demo.url);
  const { cookie } = await visit();
  const refused = [
    { origin: "https://evil.example", host, cookie },
    { origin: "null", host, cookie },
    { "sec-fetch-site": "cross-site", host, cookie },
    { "sec-fetch-site": "same-site", host, cookie },
    { host: "evil.example", origin: "http://evil.example" },
  ];
  for (const headers of refused) {
    const { status, body } = await raw("/demo/visit", headers, "POST");
    expect(status).toBe(403);
    expect(body).not.toContain('token":');
  }
  expect((await raw("/demo/visit", { host, origin: `http://${host}` }, "POST")).status).toBe(200);
});

test("the demo serves the built page and the plain page, and nothing outside their folders", async () => {
  const page = await raw("/");
  expect(page.status).toBe(200);
  expect(page.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
  });
  expect(page.headers["content-security-policy"]).toContain("default-src 'self'");
  const again = await raw("/", { "if-none-match": String(page.headers.etag) });
  expect([again.status, again.body]).toEqual([304, ""]);
  expect((await raw("/assets/main-1.js")).headers["cache-control"]).toContain("immutable");
  expect((await raw("/", {}, "HEAD")).body).toBe("");
  expect((await raw("/plain")).headers.location).toBe("/plain/");
  expect((await raw("/plain/")).body).toContain("plain.js");
  expect((await raw("/plain/plain.js")).headers["content-type"]).toContain("text/javascript");
  const outside = [
    "/../secret.html",
    "/%2e%2e/secret.html",
    "/..%2fsecret.html",
    "/plain/../../secret.html",
    "/plain/..%2f..%2fpackage.json",
    "/assets/..%5c..%5csecret.html",
    "/%00",
    "/%",
    "/assets",
    "//etc/passwd",
    "/demo/../../secret.html",
  ];
  for (const path of outside) {
    const { status, body } = await raw(path);
    expect([path, [400, 404].includes(status)]).toEqual([path, true]);
    expect(body).not.toContain("secret<");
  }
  expect((await raw("/", {}, "DELETE")).status).toBe(404);
});

test("a second demo on the same port is refused and leaves the first one running", async () => {
  const { port } = new URL(demo.url);
  const settings = readSettings({ MILEPOST_PORT: port }, join(folder, "root"));
  await expect(startDemo(settings, { built: folder, plain: folder })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
  expect((await fetch(`${demo.url}/healthz`)).status).toBe(200);
});

test("closing the demo ends running jobs and removes the indexes", async () => {
  const settings = readSettings({ MILEPOST_PORT: "0" }, join(folder, "root"));
  const own = await startDemo(settings, { built: folder, plain: folder });
  const answer = await fetch(`${own.url}/demo/visit`, { method: "POST" });
  const mine = (await answer.json()) as Visit;
  await fetch(`${own.url}/demo/jobs`, {
    method: "POST",
    headers: bearer(mine),
    body: JSON.stringify({ pace: "slow" }),
  });
  await own.close();
  await expect(fetch(`${own.url}/healthz`)).rejects.toThrow();
  expect(existsSync(own.indexFolder)).toBe(false);
});

test("[P-DATA-9] a demo that starts again on its folder knows its visitors, their runs and their indexes", async () => {
  const data = join(folder, "data");
  const start = () => {
    const settings = readSettings({ MILEPOST_PORT: "0" }, join(folder, "root"), data);
    return startDemo(settings, { built: folder, plain: folder });
  };
  const at = async (url: string, path: string, init: RequestInit = {}) => {
    const response = await fetch(`${url}${path}`, init);
    return (await response.json()) as Record<string, never>;
  };
  const first = await start();
  const response = await fetch(`${first.url}/demo/visit`, { method: "POST" });
  const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
  const begun = (await response.json()) as Visit;
  const { operation_id: id } = await at(first.url, "/demo/jobs", {
    method: "POST",
    headers: bearer(begun),
    body: JSON.stringify({ path: "notes", pace: "full" }),
  });
  const statusAt = async (url: string, visitor: Visit) => {
    const path = `/v1/operations/${id}`;
    const { operation } = await at(url, path, { headers: bearer(visitor) });
    return (operation as { status?: string } | undefined)?.status;
  };
  await expect.poll(() => statusAt(first.url, begun)).toBe("done");
  await first.close();

  const second = await start();
  const again = (await at(second.url, "/demo/visit", {
    method: "POST",
    headers: { cookie },
  })) as unknown as Visit;
  expect(again.session_id).toBe(begun.session_id);
  expect(await statusAt(second.url, again)).toBe("done");
  const found = await at(second.url, `/demo/operations/${id}/search?q=milestone`, {
    headers: bearer(again),
  });
  expect(JSON.stringify(found)).toContain("a.md");
  await second.close();
});
