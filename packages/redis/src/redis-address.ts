import type { RedisTls } from "./redis-tls.ts";

/** Host and port of a server. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Address of Redis and the credential for it. */
export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  /** Endpoint of the server, of the Sentinels, or of some nodes of the cluster. */
  readonly endpoints: readonly Endpoint[];
  /** Name of the master, as the Sentinels know it. */
  readonly master?: string;
  readonly username?: string;
  readonly password?: string;
  readonly database?: number;
  readonly tls: boolean;
  /** Certificates of connections over TLS. */
  readonly certificates?: RedisTls;
}

const form = /^(redis|rediss)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?#]+)(?:\/([^?#]*))?$/;
const defaultPorts = { single: 6_379, cluster: 6_379, sentinel: 26_379 } as const;

/**
 * Parses an address of Redis: `redis://[user:password@]host[:port][/database]`,
 * `redis+sentinel://…host,host,…/master`, `redis+cluster://…host,host,…`; `rediss` for TLS.
 *
 * Throws an error that says what is wrong and what to write instead. The error never contains the password.
 */
export function parseRedisAddress(url: string, certificates?: RedisTls): RedisAddress {
  const [, scheme, suffix, credential, hosts, path = ""] = form.exec(url) ?? [];
  if (hosts === undefined) {
    throw new Error(
      "the address of Redis must be like redis://host:6379, redis+sentinel://host1,host2/master or redis+cluster://host1,host2; rediss in place of redis for TLS",
    );
  }
  // The part after the @ may belong to a password, so it must neither be shown nor taken for a host.
  if (hosts.includes("@") || path.includes("@"))
    throw new Error(`the address of Redis cannot be read: ${encodeHint}`);
  const kind: RedisAddress["kind"] =
    suffix === "sentinel" || suffix === "cluster" ? suffix : "single";
  const endpoints = hosts.split(",").map((host) => endpointOf(host, defaultPorts[kind]));
  if (kind === "single" && endpoints.length > 1) {
    throw new Error(
      "redis:// takes one server; use redis+sentinel:// or redis+cluster:// for several",
    );
  }
  const tls = scheme === "rediss";
  if (!tls && certificates !== undefined)
    throw new Error("certificates for Redis need a rediss:// address, which means TLS");
  const address = {
    kind,
    endpoints,
    tls,
    ...(certificates === undefined ? {} : { certificates }),
    ...credentialOf(credential),
  };
  if (kind === "sentinel") {
    if (path === "")
      throw new Error(
        "redis+sentinel:// needs the master's name after its hosts, such as /mymaster",
      );
    return { ...address, master: decoded(path) };
  }
  if (path === "") return address;
  const database = Number(path);
  if (kind === "cluster" || !Number.isInteger(database) || database < 0) {
    throw new Error(
      "the path of redis:// must be the number of a database, such as /1; redis+cluster:// takes none",
    );
  }
  return { ...address, database };
}

const encodeHint =
  "percent-encode / @ : and % in the user, the password and the master's name, as %2F %40 %3A and %25";

/** Returns the address without its credential, for messages. */
export function shownAddress({ kind, endpoints, master }: RedisAddress): string {
  const hosts = endpoints.map(({ host, port }) => `${host}:${port}`).join(", ");
  if (kind === "single") return `Redis at ${hosts}`;
  return kind === "cluster"
    ? `the Redis cluster at ${hosts}`
    : `the Redis master ${master} behind the Sentinels at ${hosts}`;
}

function endpointOf(text: string, defaultPort: number): Endpoint {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > 65_535) {
    throw new Error(`the port of Redis must be from 1 to 65535, and is ${port}`);
  }
  if (host === undefined) {
    throw new Error(
      "the address of Redis has an invalid host; write host:port, or [host]:port for IPv6",
    );
  }
  return { host, port };
}

function credentialOf(text: string | undefined) {
  if (text === undefined || text === "") return {};
  const colon = text.indexOf(":");
  const username = decoded(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? undefined : decoded(text.slice(colon + 1));
  return {
    ...(username === "" ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(`the address of Redis cannot be read: ${encodeHint}`);
  }
}
