import { readFileSync } from "node:fs";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { afterAll, describe, expect, it } from "vitest";
import { connectRedis, inspectRedis, type RedisTls, redisEngine } from "./index.ts";
import { parseRedisAddress } from "./redis-address.ts";
import { aclUser } from "./testing/acl.ts";
import { testAuthority } from "./testing/certificates.ts";
import { freePort, startRedis } from "./testing/redis-server.ts";

const isMissing = [process.env.MILEPOST_REDIS_SERVER, process.env.MILEPOST_OPENSSL].includes(
  undefined,
);
const authority = isMissing ? undefined : testAuthority();
afterAll(() => authority?.[Symbol.dispose]());

const { ca = "", caFile = "", folder = "" } = authority ?? {};
const none = { certFile: "", keyFile: "" };
const ofServer = authority?.sign("server", ["IP:127.0.0.1"]) ?? none;
const ofGateway = authority?.sign("gateway", ["DNS:gateway"]) ?? none;

/** Certificates of a gateway that shows one of its own. */
function certificates(): RedisTls {
  const [cert, key] = [ofGateway.certFile, ofGateway.keyFile].map((path) =>
    readFileSync(path, "utf8"),
  );
  return { ca, ...(cert && { cert }), ...(key && { key }) };
}

/** Starts a redis-server that also listens with TLS, and asks for a certificate if `auth` says so. */
async function secureRedis(auth: "yes" | "no", files = ofServer, options: readonly string[] = []) {
  const tlsPort = await freePort();
  const server = await startRedis([
    ...["--tls-port", String(tlsPort), "--tls-auth-clients", auth, ...options],
    ...["--tls-cert-file", files.certFile, "--tls-key-file", files.keyFile],
    ...["--tls-ca-cert-file", caFile],
  ]);
  const credential = `${aclUser.name}:${aclUser.password}@`;
  return Object.assign(server, { tlsPort, at: `${credential}127.0.0.1:${tlsPort}` });
}

/** Connects an engine over TLS and takes a lease through it. */
async function works(url: string, tls: RedisTls): Promise<boolean> {
  const link = await connectRedis({ url, tls });
  const engine = redisEngine(link)({ clock: new ManualClock(), random: new SeededRandom(1) });
  try {
    return (await engine.leases.acquire("work", 1_000)) !== undefined;
  } finally {
    await engine.close();
  }
}

describe.skipIf(isMissing)("Redis over TLS", () => {
  it("a link works over TLS with the authority that signed Redis' certificate", async () => {
    await using server = await secureRedis("no");
    expect(await works(`rediss://${server.at}`, { ca: ca })).toBe(true);
    const [inspected] = await inspectRedis(`rediss://${server.at}`, { ca: ca });
    expect(inspected?.server).toBe(`127.0.0.1:${server.tlsPort}`);
  });

  it("a link shows its certificate to a Redis that asks for one, and is refused without", async () => {
    await using server = await secureRedis("yes");
    expect(await works(`rediss://${server.at}`, certificates())).toBe(true);
    await expect(works(`rediss://${server.at}`, { ca: ca })).rejects.toThrow(
      /^Redis at 127\.0\.0\.1:\d+: [^\n]+$/,
    );
  });

  it("a link refuses a Redis whose certificate another authority signed, or whose host it does not name", async () => {
    await using server = await secureRedis("no");
    using other = testAuthority();
    for (const tls of [{ ca: other.ca }, {}]) {
      await expect(works(`rediss://${server.at}`, tls)).rejects.toThrow(/certificate/);
    }
    await using elsewhere = await secureRedis(
      "no",
      authority?.sign("other", ["DNS:redis.example"]),
    );
    await expect(works(`rediss://${elsewhere.at}`, { ca: ca })).rejects.toThrow(
      /does not match certificate|Hostname\/IP/,
    );
  });

  it("a link to a cluster reads the map and calls each master over TLS", async () => {
    await using server = await secureRedis("yes", ofServer, [
      ...["--cluster-enabled", "yes", "--tls-cluster", "yes"],
      ...["--cluster-port", String(await freePort())],
    ]);
    const { createClient } = await import("@redis/client");
    const admin = createClient({ url: server.adminUrl, RESP: 2 });
    await admin.connect();
    await admin.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    while (!String(await admin.sendCommand(["CLUSTER", "INFO"])).includes("cluster_state:ok")) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    admin.destroy();
    expect(await works(`rediss+cluster://${server.at}`, certificates())).toBe(true);
  });

  it("a link asks Sentinels over TLS, and connects to the master that they name over TLS", async () => {
    await using master = await secureRedis("yes");
    const port = await freePort();
    const { writeFile } = await import("node:fs/promises");
    const file = `${folder}/sentinel.conf`;
    const tls = ["tls-replication yes", `tls-port ${port}`, `tls-cert-file ${ofServer.certFile}`];
    const lines = [
      ...[...tls, `tls-key-file ${ofServer.keyFile}`, `tls-ca-cert-file ${caFile}`],
      `sentinel monitor main 127.0.0.1 ${master.tlsPort} 1`,
    ];
    await writeFile(file, `${lines.join("\n")}\n`);
    await using _sentinel = await startRedis([], await freePort(), file);
    const credential = `${aclUser.name}:${aclUser.password}@`;
    const url = `rediss+sentinel://${credential}127.0.0.1:${port}/main`;
    expect(await works(url, certificates())).toBe(true);
  });
});

it("certificates for an address without TLS are refused with the fix", () => {
  expect(() => parseRedisAddress("redis://127.0.0.1", { ca: ca })).toThrow(/rediss:\/\//);
});
