import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { type TestAuthority, testAuthority } from "@milepost/redis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { ConfigError } from "../config/config-error.ts";
import { loadConfig } from "../config/load-config.ts";
import type { GatewayOptions } from "../gateway-options.ts";
import { apiKey, startGateway } from "../testing/test-gateway.ts";
import { openSocket } from "../testing/test-socket.ts";
import { readTlsFiles } from "./tls-certificate.ts";

const isMissing = process.env.MILEPOST_OPENSSL === undefined;
const authority: TestAuthority | undefined = isMissing ? undefined : testAuthority();
afterAll(() => authority?.[Symbol.dispose]());
const ca = authority?.ca ?? "";
let made = 0;

function signed(names: readonly string[] = ["IP:127.0.0.1"]) {
  if (authority === undefined) throw new Error("there is no openssl");
  return authority.sign(`gateway-${++made}`, names);
}

/** Starts a gateway that serves TLS, and records what it logs. */
async function secure(options: Partial<GatewayOptions> = {}) {
  const files = signed();
  const lines: string[] = [];
  let onLine: () => void = () => {};
  const add = (_fields: object, message: string) => {
    lines.push(message);
    onLine();
  };
  const server = await startGateway({
    tls: files,
    log: { info: add, warn: add, error: add },
    ...options,
  });
  return {
    server,
    files,
    port: server.port,
    async logged(pattern: RegExp): Promise<void> {
      while (!lines.some((line) => pattern.test(line))) {
        await new Promise<void>((resolve) => {
          onLine = resolve;
        });
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function get(
  port: number,
  path: string,
  headers = {},
): Promise<[number | undefined, string]> {
  const asked = request({ host: "127.0.0.1", port, path, ca, headers, agent: false });
  asked.end();
  const [answer] = await once(asked, "response");
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return [answer.statusCode, text];
}

async function shake(port: number, options = {}): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, ca, ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** Serial number of the certificate that new connections get. */
async function serial(port: number): Promise<string> {
  const socket = await shake(port);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

async function openSecure(port: number, token: string) {
  return openSocket(`wss://127.0.0.1:${port}/ws/chat/42`, { token, ca });
}

describe.skipIf(isMissing)("a gateway that serves TLS", () => {
  it("HTTP, WebSocket and event streams work over TLS, for clients that name no host in the handshake", async () => {
    await using secured = await secure();
    const { port, server } = secured;
    expect(await get(port, "/healthz")).toEqual([200, '{"status":"ok"}']);
    const headers = { Authorization: `Bearer ${apiKey}` };
    expect((await get(port, "/v1/nodes", headers))[0]).toBe(200);
    const socket = await openSecure(port, await server.token());
    await socket.nextOf("subscribed");
    await server.gateway.publish("chat:42", "message", "hello");
    expect(await socket.nextOf("message")).toMatchObject({ data: "hello" });
    const unnamed = await shake(port, { servername: "" });
    expect(unnamed.getProtocol()).toMatch(/^TLSv1\.[23]$/);
    unnamed.destroy();
    socket.terminate();
  });

  it("a client that offers nothing newer than TLS 1.1, or speaks no TLS, is refused, and others are served", async () => {
    await using secured = await secure();
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
    await expect(shake(secured.port, old)).rejects.toThrow();
    const plain = new WebSocket(`ws://127.0.0.1:${secured.port}/ws`);
    await once(plain, "error");
    expect((await get(secured.port, "/healthz"))[0]).toBe(200);
  });

  it("a renewed certificate is used for new connections, and open connections stay", async () => {
    await using secured = await secure();
    const { files, port, server } = secured;
    const socket = await openSecure(port, await server.token());
    await socket.nextOf("subscribed");
    const before = await serial(port);
    const renewed = signed();
    copyFileSync(renewed.certFile, files.certFile);
    copyFileSync(renewed.keyFile, files.keyFile);
    await secured.logged(/renewed TLS certificate/);
    expect(await serial(port)).not.toBe(before);
    await server.gateway.publish("chat:42", "message", "still here");
    expect(await socket.nextOf("message")).toMatchObject({ data: "still here" });
    socket.terminate();
  });

  it("broken files leave the old certificate in use and are logged, and the next good ones are taken", async () => {
    await using secured = await secure();
    const { files, port } = secured;
    const before = await serial(port);
    copyFileSync(signed().certFile, files.certFile);
    await secured.logged(/cannot be used: the old one stays/);
    expect(await serial(port)).toBe(before);
    const renewed = signed();
    copyFileSync(renewed.keyFile, files.keyFile);
    copyFileSync(renewed.certFile, files.certFile);
    await secured.logged(/new connections use/);
    expect(await serial(port)).not.toBe(before);
  });

  it("a TLS connection with a credential takes no place among those without one", async () => {
    await using secured = await secure({ limits: { maxUnauthenticated: 2 } });
    const { port, server } = secured;
    const sockets = [];
    for (let i = 0; i < 4; i++) {
      const socket = await openSecure(
        port,
        await server.token({ user: `u${i}`, session: `s${i}` }),
      );
      await socket.nextOf("welcome");
      sockets.push(socket);
    }
    const idle: TLSSocket[] = [];
    const dropped = new Promise<void>((resolve) => {
      void (async () => {
        while (idle.length < 10) {
          const socket = await shake(port);
          socket.on("close", () => resolve()).resume();
          idle.push(socket);
        }
      })();
    });
    await dropped;
    for (const socket of sockets) {
      socket.send({ type: "ping", id: 1 });
      expect(await socket.nextOf("pong")).toMatchObject({ id: 1 });
      socket.terminate();
    }
    for (const socket of idle) socket.destroy();
  });

  it("a certificate that cannot be read, is no PEM, or does not fit its key is refused with the fix and the file", () => {
    const files = signed();
    const other = signed();
    expect(() => readTlsFiles({ ...files, keyFile: other.keyFile })).toThrow(
      /give the key of this/,
    );
    expect(() => readTlsFiles({ ...files, certFile: "/no/such" })).toThrow(/\/no\/such .*ENOENT/);
    writeFileSync(other.certFile, "secret text");
    expect(() => readTlsFiles({ ...files, certFile: other.certFile })).toThrow(/PEM format$/);
  });
});

it("loadConfig refuses a certificate without a key, and says that both belong together", () => {
  const load = () => loadConfig({ flags: { dev: true, tlsCert: "/tls.pem" }, env: {} });
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(/tlsKey belong together/);
});
