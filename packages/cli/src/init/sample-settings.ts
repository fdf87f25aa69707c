import type { Settings } from "@milepost/server";

/** Entry of one setting in a new configuration. */
export interface SampleSetting {
  /** Subject of the settings from here on, if others were before. */
  readonly title?: string;
  /** Purpose of the setting, in lines of a comment. */
  readonly says: readonly string[];
  /** Its default, or an example where the default is nothing. It is valid as it stands. */
  readonly sample: unknown;
}

const secretCommand = "the output of: openssl rand -base64 48";

/** Every setting of a gateway, in the order of a new configuration. */
export const sampleSettings: Readonly<Record<keyof Settings, SampleSetting>> = {
  port: first(
    "Where it listens",
    8787,
    "One port serves WebSockets, event streams, the HTTP API and health.",
  ),
  host: row("127.0.0.1", "Address to listen on; 0.0.0.0 is every address of the machine."),
  tlsCert: row(
    "/etc/milepost/tls.pem",
    "PEM files to serve TLS with, where no proxy in front does.",
  ),
  tlsKey: row("/etc/milepost/tls-key.pem"),
  allowedOrigins: row(
    ["https://app.example.com"],
    "Origins of the pages that may connect. Without a list: pages of the gateway's own host.",
  ),
  allowedHosts: row(["gateway.example.com"], "Names under which it answers; all by default."),
  missingOrigin: row("allow", "refuse: users need an Origin, as browsers send it."),
  tokenInQuery: row(true, "false: tokens in addresses, which end up in logs, are refused."),
  compression: row(false, "Compresses WebSocket messages of 1 KiB and more, for CPU time."),
  metricsPort: row(
    9464,
    "Port of /metrics without a key, for Prometheus. Absent: only with a key of scope metrics.",
  ),
  metricsHost: row("127.0.0.1", "Address of that port. Whoever reaches it reads the metrics."),
  console: row(true, "The console at /console; absent, it is served on loopback alone."),
  tracing: row(false, "true: traces with OpenTelemetry, whose SDK --import sets up."),
  trustedProxies: first(
    "Behind a load balancer",
    ["10.0.0.5"],
    "Addresses of the proxies in front. Without them every client has the address of the proxy.",
  ),
  forwardedHeader: row("x-forwarded-for", "The one header in which they name the client."),
  proxyProtocol: row(false, "true: they begin each connection with a PROXY protocol header."),
  tokenSecret: first(
    "Secrets: all nodes have the same",
    "",
    "Signs the tokens of users (HS256). Your backend signs with it.",
  ),
  apiKeys: row(
    [],
    "Keys of backends, by their hash. milepost key makes one; scopes and expiresAt bound it.",
  ),
  tokens: row(
    { jwks: [{ url: "https://issuer.example.com/jwks.json" }], audience: "milepost" },
    "Tokens of other issuers, and what tokens must claim.",
  ),
  methodSecret: row(secretCommand, "Signs requests to the backends of methods."),
  webhookSecret: row(secretCommand, "Each webhook's own secret follows from it."),
  redis: first(
    "State",
    "redis://127.0.0.1:6379",
    "The Redis that several nodes share. Without it, this one node keeps its state in data.",
  ),
  redisPrefix: row("milepost", "First part of every key in Redis."),
  redisCa: row("/etc/milepost/redis-ca.pem", "PEM files for rediss://."),
  redisCert: row("/etc/milepost/redis-client.pem"),
  redisKey: row("/etc/milepost/redis-client-key.pem"),
  requireStore: row(false, "true: a start without Redis fails instead of waiting for it."),
  data: row("./milepost-data", "Folder of a node without Redis."),
  durability: row("full", "normal: acknowledged once the system, not the disk, has it."),
  dataMaxBytes: row(10_737_418_240, "Bytes that the data may take."),
  memory: row(false, "true: without Redis, keeps nothing and forgets all at its end."),
  workers: first(
    "Processes",
    1,
    "Processes on the one port, about one for each core; above 1 needs Redis.",
  ),
  role: row("all", "gateway serves readers alone, api backends alone."),
  drainMs: row(
    5_000,
    "How long a stop gives clients to move to other nodes. Let what stops it wait 5 s longer.",
  ),
  logLevel: row("info", "Lowest level to log: trace, debug, info, warn, error or silent."),
  sseMaxLifetimeMs: row(300_000, "Longest life of an event stream; its reader resumes."),
  limits: row(
    { maxConnections: 20_000 },
    "Bounds of a node. Keep maxConnections below half of the descriptors it may open.",
  ),
  dev: row(false, "For development: makes up missing secrets, prints them, trusts any page."),
  rules: first(
    "Who may do what",
    [
      {
        pattern: "chat:{room}",
        subscribe: "granted",
        publish: "granted",
        retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
      },
    ],
    "Rules of channels. They come before the built-in ones.",
  ),
  queues: row(
    [{ queue: "render", join: "authenticated", lanes: { paid: 3, free: 1 } }],
    "Rules of queues: who may join, lanes, capacity.",
  ),
  autoSubscribe: row(
    ["broadcast", "user:{user}", "session:{session}"],
    "Channels of clients that ask for none.",
  ),
  sessions: row({ required: false }, "required: only registered or validated sessions."),
  guests: row(false, "true: pages without a token are guests."),
  guestTtlMs: row(604_800_000),
  methods: first(
    "What it calls, and what it reads",
    { "orders.*": { url: "http://orders.internal/rpc", timeoutMs: 5_000 } },
    "Backends that answer the methods of clients; they need methodSecret or a secret each.",
  ),
  sources: row([{ stream: "publications" }], "Redis Streams whose entries are published."),
  egress: row({ allow: ["hooks.internal"] }, "Hosts inside that webhooks may call."),
  push: row(
    {
      publicKey: `B${"A".repeat(86)}`,
      privateKey: "A".repeat(43),
      subject: "mailto:ops@example.com",
    },
    "VAPID keys of web push, not these: npx web-push generate-vapid-keys prints them.",
  ),
};

function row(sample: unknown, ...says: readonly string[]): SampleSetting {
  return { sample, says };
}

function first(title: string, sample: unknown, ...says: readonly string[]): SampleSetting {
  return { title, sample, says };
}
