import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGateway } from "../gateway.ts";
import { tokenSecret } from "../testing/test-gateway.ts";
import { ConsolePages } from "./console-pages.ts";

const folder = mkdtempSync(join(tmpdir(), "milepost-console-"));
let server: Server;

beforeAll(async () => {
  mkdirSync(join(folder, "dist/assets"), { recursive: true });
  writeFileSync(join(folder, "secret.html"), "outside");
  writeFileSync(join(folder, "dist/index.html"), "<!doctype html><title>Console</title>");
  writeFileSync(join(folder, "dist/assets/index-abc.js"), "export {};");
  writeFileSync(join(folder, "dist/notes.md"), "not served");
  const pages = new ConsolePages({ refusal: () => undefined }, join(folder, "dist"));
  pages.isOn = true;
  server = createServer((incoming, outgoing) => {
    if (!pages.take(incoming, outgoing)) outgoing.writeHead(418).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Sends a path as it is, which `fetch` would tidy up first. */
async function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, path, method, headers, host: "127.0.0.1" }).end();
  const [answer] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return {
    status: answer.statusCode as number,
    headers: answer.headers as Record<string, string>,
    body: Buffer.concat(chunks).toString(),
  };
}

describe("the files of the console", () => {
  it("[P-CONS-6] the page has headers that let it load and call its own gateway alone, and be framed by nobody", async () => {
    const { status, headers, body } = await get("/console/");
    expect([status, body]).toEqual([200, "<!doctype html><title>Console</title>"]);
    const policy = headers["content-security-policy"] ?? "";
    expect(policy).toMatch(/^default-src 'self'; connect-src 'self' ws:/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "x-frame-options": "DENY",
      "cache-control": "no-cache",
    });
    const hostile = await get("/console/", { Host: "a.example; script-src *" });
    expect(hostile.headers["content-security-policy"]).not.toContain("script-src");
    const missing = await get("/console/nothing");
    expect(missing.headers["content-security-policy"]).toBe(policy);
  });

  it("[P-CONS-6] no path leads out of the folder, and files of other kinds are not served", async () => {
    for (const path of [
      "/console/../secret.html",
      "/console/%2e%2e/secret.html",
      "/console/..%2fsecret.html",
      "/console/assets/../../secret.html",
      "/console//etc/passwd",
      "/console/%00",
      "/console/notes.md",
      "/console/assets",
    ]) {
      const { status, body } = await get(path);
      expect([path, status]).toEqual([path, 404]);
      expect(body).not.toContain("outside");
    }
    expect((await get("/consoles")).status).toBe(418);
    expect((await get("/console/", {}, "POST")).status).toBe(405);
  });

  it("[P-CONS-6] assets are kept for long, and the page is asked for each time", async () => {
    const asset = await get("/console/assets/index-abc.js");
    expect(asset.headers["cache-control"]).toContain("immutable");
    expect(asset.headers["content-type"]).toContain("text/javascript");
    const page = await get("/console/");
    const again = await get("/console/", { "If-None-Match": page.headers.etag ?? "" });
    expect([again.status, again.body]).toEqual([304, ""]);
    const bare = await get("/console");
    expect([bare.status, bare.headers.location]).toEqual([308, "console/"]);
  });
});

describe("where the console is served", () => {
  const cases = [
    [undefined, "all", "127.0.0.1", true],
    [undefined, "all", "0.0.0.0", false],
    [undefined, "gateway", "127.0.0.1", false],
    [true, "all", "0.0.0.0", true],
    [true, "api", "0.0.0.0", true],
    [true, "gateway", "127.0.0.1", false],
    [false, "all", "127.0.0.1", false],
  ] as const;
  it.each(cases)(
    "[P-CONS-7] with console %s, role %s and host %s, /console is served: %s",
    async (setting, role, host, isServed) => {
      const gateway = createGateway({
        auth: { tokenSecret },
        role,
        log: { info() {}, warn() {}, error() {} },
        ...(setting === undefined ? {} : { console: setting }),
      });
      const { port } = await gateway.listen({ port: 0, host });
      const { status } = await fetch(`http://127.0.0.1:${port}/console`, { redirect: "manual" });
      expect(status).toBe(isServed ? 308 : 404);
      await gateway.close();
    },
  );

  it("[P-CONS-7] on the server of a host program, the path stays with the host unless console is true", async () => {
    for (const setting of [undefined, true]) {
      const gateway = createGateway({
        auth: { tokenSecret },
        ...(setting === undefined ? {} : { console: setting }),
      });
      const host = createServer((_, response) => response.writeHead(204).end());
      gateway.attach(host);
      await once(host.listen(0, "127.0.0.1"), "listening");
      const { port } = host.address() as AddressInfo;
      const { status } = await fetch(`http://127.0.0.1:${port}/console`, { redirect: "manual" });
      expect(status).toBe(setting === true ? 308 : 204);
      host.closeAllConnections();
      host.close();
      await gateway.close();
    }
  });
});
