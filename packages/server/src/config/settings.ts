import {
  defaultLimits,
  type LimitName,
  type LimitOptions,
  personalDefault,
  personalFault,
  type QueueRule,
  type Rule,
} from "@milepost/core";
import { minSigningSecretBytes } from "@milepost/protocol";
import { z } from "zod";
import { isAddressRange, rangeRule } from "../admission/address-list.ts";
import { type ForwardingHeader, forwardingHeaders } from "../admission/forwarded.ts";
import { type ApiKey, apiKeyFault } from "../auth/api-keys.ts";
import { bearerRule, isBearerCredential } from "../auth/bearer.ts";
import { minTokenSecretBytes } from "../auth/token-key.ts";
import {
  isHost,
  isOrigin,
  type MissingOriginPolicy,
  missingOriginPolicies,
} from "../http/origin-policy.ts";
import type { PushOptions } from "../reach/target-sender.ts";
import { type LogLevel, logLevels } from "../runtime/log.ts";
import {
  type BackendSetting,
  backendSecret,
  backendsSchema,
  type SessionsSetting,
  sessionsSchema,
} from "./backend-schema.ts";
import { queuesSchema } from "./queue-schema.ts";
import {
  type EgressSetting,
  egressSchema,
  pushSchema,
  webhookSecretSchema,
} from "./reach-schema.ts";
import { type Role, roles } from "./role.ts";
import { rulesSchema } from "./rule-schema.ts";
import { redisUrl, type SourceSetting, sourcesSchema } from "./source-schema.ts";
import { type TokensSetting, tokensSchema } from "./token-schema.ts";

/** All settings of the gateway process. */
export interface Settings {
  /** Port to listen on; 0 picks a free port. */
  readonly port: number;
  /** Address to listen on. */
  readonly host: string;
  /** PEM file of the certificate with which the gateway serves TLS; empty for plain HTTP. */
  readonly tlsCert: string;
  /** PEM file of the private key of `tlsCert`. */
  readonly tlsKey: string;
  /** Secret that signs user tokens (HS256). */
  readonly tokenSecret: string;
  /** More keys of user tokens, the key sets of issuers, and what tokens must claim. */
  readonly tokens: TokensSetting;
  /** API keys of backends. */
  readonly apiKeys: readonly ApiKey[];
  /** URL of the Redis that the nodes share; empty to keep everything in the memory of this process. */
  readonly redis: string;
  /**
   * Folder in which a gateway without Redis keeps its data; empty to keep everything in the memory of this process. `serve`
   * uses `./milepost-data` by default.
   */
  readonly data: string;
  /** True to keep nothing: a gateway without Redis then forgets everything when it ends. */
  readonly memory: boolean;
  /** Moment at which a write to the data counts as done: when the disk has it (`full`), or the operating system. */
  readonly durability: "full" | "normal";
  /** Bytes that the data may take; beyond them the gateway takes nothing new. */
  readonly dataMaxBytes: number;
  /** True if a start without Redis fails; otherwise the node waits for an absent Redis and is unhealthy meanwhile. */
  readonly requireStore: boolean;
  /** Number of processes that serve the port; more than one needs Redis. */
  readonly workers: number;
  /** Role of the process, which selects whom it serves. */
  readonly role: Role;
  /** Prefix of all keys in Redis. */
  readonly redisPrefix: string;
  /** PEM file of the authorities that may sign Redis' certificate; empty for those that Node knows. */
  readonly redisCa: string;
  /** PEM file of the certificate that the gateway shows to Redis; empty for none. */
  readonly redisCert: string;
  /** PEM file of the private key of `redisCert`. */
  readonly redisKey: string;
  /** Redis Streams whose entries the gateway publishes. */
  readonly sources: readonly SourceSetting[];
  /** Origins of web pages that may use the gateway; empty for those of its own host. */
  readonly allowedOrigins: readonly string[];
  /** Values of the Host header that the gateway answers to; empty for all. */
  readonly allowedHosts: readonly string[];
  /** Policy for users whose request has no Origin. */
  readonly missingOrigin: MissingOriginPolicy;
  /** Addresses and ranges of the proxies in front of the gateway, whose forwarding headers count. */
  readonly trustedProxies: readonly string[];
  /** The one header in which trusted proxies name the client; `auto` for the first present one. */
  readonly forwardedHeader: ForwardingHeader | "auto";
  /** True if trusted proxies begin each connection with a PROXY protocol header. */
  readonly proxyProtocol: boolean;
  /** True if `?token=` in the URL of a WebSocket, SSE or long-poll request is accepted. */
  readonly tokenInQuery: boolean;
  /** Rules that take precedence over the default rules. */
  readonly rules: readonly Rule[];
  /** Rules of the queues: who may join them, with which lanes and which capacity. */
  readonly queues: readonly QueueRule[];
  /** Channels to which clients that ask for none are subscribed. */
  readonly autoSubscribe: readonly string[];
  /** Backends that answer methods, keyed by the method or method pattern. */
  readonly methods: Readonly<Record<string, BackendSetting>>;
  /** Secret that signs requests to backends without a secret of their own. */
  readonly methodSecret: string;
  /** Sessions that must be registered or validated. */
  readonly sessions: SessionsSetting;
  /** True to admit pages without a token as guests. */
  readonly guests: boolean;
  /** Lifetime of a guest, in milliseconds. */
  readonly guestTtlMs: number;
  /** VAPID keys of web push; undefined to send no pushes. */
  readonly push: PushOptions | undefined;
  /** Secret from which the secret of each webhook follows; empty to call no webhooks. */
  readonly webhookSecret: string;
  /** Addresses outside that may be called although they are not public. */
  readonly egress: EgressSetting;
  readonly limits: LimitOptions;
  /** True if WebSocket messages are compressed for clients that offer it. */
  readonly compression: boolean;
  readonly logLevel: LogLevel;
  /** Maximum time that a shutdown waits for clients to disconnect, in milliseconds. */
  readonly drainMs: number;
  /** Maximum lifetime of one `/v1/sse` stream, in milliseconds. */
  readonly sseMaxLifetimeMs: number;
  /** Port that answers scrapers of metrics without a key; undefined for none, 0 picks a free port. */
  readonly metricsPort: number | undefined;
  /** Address of that port. */
  readonly metricsHost: string;
  /** True to serve the console beyond loopback too, false to serve it nowhere; undefined for loopback alone. */
  readonly console: boolean | undefined;
  /** True to record traces with OpenTelemetry, whose SDK the program or `--import` has set up. */
  readonly tracing: boolean;
  /** True for a development start, which generates missing secrets and prints how to use them. */
  readonly dev: boolean;
}

/** Definition of one setting: how it is read, checked and documented. */
interface Setting<T> {
  readonly schema: z.ZodType<T>;
  /** Name of the environment variable; `fromText` turns its text into a value. */
  readonly env?: string;
  readonly fromText?: (text: string) => unknown;
  readonly fallback: T;
  /** Marks a secret: it may come from a file (`…_FILE`) and is never shown. */
  readonly secret?: true;
  /** Example of a valid value, shown with the error for an invalid one. */
  readonly example: string;
}

const minApiKeyLength = 16;

const keyIdGrammar = /^[A-Za-z0-9_.~-]{1,64}$/;

const signing = z.strictObject({
  keys: z
    .record(
      z.string(),
      z.string().refine((secret) => Buffer.byteLength(secret) >= minSigningSecretBytes, {
        error: `must have at least ${minSigningSecretBytes} bytes; use the output of: openssl rand -base64 48`,
      }),
    )
    .refine((keys) => Object.keys(keys).every((id) => keyIdGrammar.test(id)), {
      error: "must have ids of 1 to 64 letters, digits, '_', '.', '~' or '-'",
    })
    .refine((keys) => Object.keys(keys).length > 0, {
      error: 'needs a key, for example {"2026-11": "the output of: openssl rand -base64 48"}',
    }),
  required: z.boolean().exactOptional(),
});

const apiKeyShape = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_.~-]{1,64}$/, {
    error: "must be 1 to 64 letters, digits, '_', '.', '~' or '-'",
  }),
  key: z
    .string()
    .min(minApiKeyLength)
    .refine(isBearerCredential, { error: bearerRule })
    .exactOptional(),
  hash: z.string().exactOptional(),
  scopes: z.array(z.string()).max(100).exactOptional(),
  expiresAt: z.string().exactOptional(),
  signing: signing.exactOptional(),
});

const apiKey = apiKeyShape.superRefine((settings, context) => {
  // The schema of the key itself has said so already.
  if (settings.key !== undefined && !isBearerCredential(settings.key)) return;
  const fault = apiKeyFault(settings);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

const countable = z.int().min(1);

/**
 * Schema of the limits: a positive integer for each limit of a node, and for `maxOutboxBytes`, the former name
 * of `maxSendQueueBytes`.
 */
const limitShape = Object.fromEntries(
  [...Object.keys(defaultLimits), "maxOutboxBytes"].map((name) => [
    name,
    countable.exactOptional(),
  ]),
) as Record<LimitName | "maxOutboxBytes", z.ZodExactOptional<typeof countable>>;

const limits = z
  .strictObject(limitShape)
  .refine(
    ({ pingIntervalMs, idleTimeoutMs }) =>
      (idleTimeoutMs ?? defaultLimits.idleTimeoutMs) >
      (pingIntervalMs ?? defaultLimits.pingIntervalMs),
    {
      error:
        "must have an idleTimeoutMs above pingIntervalMs; otherwise healthy connections are closed",
    },
  ) satisfies z.ZodType<LimitOptions>;

/** Table of all settings. Their names, checks and documentation are derived from it. */
export const settings: { readonly [Name in keyof Settings]: Setting<Settings[Name]> } = {
  port: {
    schema: z.int().min(0).max(65_535),
    env: "MILEPOST_PORT",
    fromText: numberFrom,
    fallback: 8787,
    example: "8787",
  },
  host: {
    schema: z.string().min(1),
    env: "MILEPOST_HOST",
    fallback: "127.0.0.1",
    example: "0.0.0.0 (every address of the machine)",
  },
  tlsCert: pemFile("MILEPOST_TLS_CERT", "/etc/milepost/tls.pem"),
  tlsKey: pemFile("MILEPOST_TLS_KEY", "/etc/milepost/tls-key.pem"),
  tokenSecret: {
    schema: z.string().refine((secret) => Buffer.byteLength(secret) >= minTokenSecretBytes, {
      error: `must have at least ${minTokenSecretBytes} bytes`,
    }),
    env: "MILEPOST_TOKEN_SECRET",
    fallback: "",
    secret: true,
    example: "the output of: openssl rand -base64 48",
  },
  tokens: {
    schema: tokensSchema,
    env: "MILEPOST_TOKENS",
    fromText: jsonFrom,
    fallback: {},
    secret: true,
    example:
      '{"jwks": [{"url": "https://issuer.example.com/.well-known/jwks.json"}], "audience": "milepost"}',
  },
  apiKeys: {
    schema: z.array(apiKey).max(1_000),
    env: "MILEPOST_API_KEY",
    fromText: (text) => [{ name: "default", key: text }],
    fallback: [],
    secret: true,
    example: "the output of: openssl rand -base64 32",
  },
  redis: {
    schema: redisUrl,
    env: "MILEPOST_REDIS_URL",
    fallback: "",
    secret: true,
    example: "redis://127.0.0.1:6379",
  },
  redisPrefix: {
    schema: z.string().regex(/^[A-Za-z0-9_.:-]{1,64}$/, {
      error: "must be 1 to 64 letters, digits, '_', '.', ':' or '-'",
    }),
    env: "MILEPOST_REDIS_PREFIX",
    fallback: "milepost",
    example: "milepost",
  },
  redisCa: pemFile("MILEPOST_REDIS_CA", "/etc/milepost/redis-ca.pem"),
  redisCert: pemFile("MILEPOST_REDIS_CERT", "/etc/milepost/redis-client.pem"),
  redisKey: pemFile("MILEPOST_REDIS_KEY", "/etc/milepost/redis-client-key.pem"),
  sources: {
    schema: sourcesSchema,
    fallback: [],
    secret: true,
    example: '[{"stream": "publications"}]',
  },
  data: {
    schema: z.string().min(1).max(4_096),
    env: "MILEPOST_DATA",
    fallback: "",
    example: "/var/lib/milepost",
  },
  memory: {
    schema: z.boolean(),
    env: "MILEPOST_MEMORY",
    fromText: booleanFrom,
    fallback: false,
    example: "true or false",
  },
  durability: {
    schema: z.enum(["full", "normal"]),
    env: "MILEPOST_DURABILITY",
    fallback: "full",
    example: "full or normal",
  },
  dataMaxBytes: {
    schema: z
      .int()
      .min(16 * 1_048_576)
      .max(2 ** 50),
    env: "MILEPOST_DATA_MAX_BYTES",
    fromText: numberFrom,
    fallback: 10 * 1_073_741_824,
    example: "10737418240",
  },
  requireStore: {
    schema: z.boolean(),
    env: "MILEPOST_REQUIRE_STORE",
    fromText: booleanFrom,
    fallback: false,
    example: "true or false",
  },
  workers: {
    schema: z.int().min(1).max(256),
    env: "MILEPOST_WORKERS",
    fromText: numberFrom,
    fallback: 1,
    example: "4",
  },
  role: {
    schema: z.enum(roles),
    env: "MILEPOST_ROLE",
    fallback: "all",
    example: roles.join(", "),
  },
  allowedOrigins: {
    schema: z.array(
      z.string().refine((origin) => origin === "*" || isOrigin(origin), {
        error: "must be an origin as browsers send it",
      }),
    ),
    env: "MILEPOST_ALLOWED_ORIGINS",
    fromText: listFrom,
    fallback: [],
    example: "https://app.example.com,http://localhost:5173",
  },
  allowedHosts: {
    schema: z.array(
      z.string().refine(isHost, {
        error: "must be a host in lower case, with a port or without",
      }),
    ),
    env: "MILEPOST_ALLOWED_HOSTS",
    fromText: listFrom,
    fallback: [],
    example: "gateway.example.com,10.0.0.5:8787",
  },
  missingOrigin: {
    schema: z.enum(missingOriginPolicies),
    env: "MILEPOST_MISSING_ORIGIN",
    fallback: "allow",
    example: missingOriginPolicies.join(", "),
  },
  trustedProxies: {
    schema: z.array(z.string().refine(isAddressRange, { error: rangeRule })),
    env: "MILEPOST_TRUSTED_PROXIES",
    fromText: listFrom,
    fallback: [],
    example: "10.0.0.0/8,2001:db8::1 or loopback,private",
  },
  forwardedHeader: {
    schema: z.enum(["auto", ...forwardingHeaders]),
    env: "MILEPOST_FORWARDED_HEADER",
    fromText: (text) => text.toLowerCase(),
    fallback: "auto",
    example: `auto, ${forwardingHeaders.join(", ")}`,
  },
  proxyProtocol: {
    schema: z.boolean(),
    env: "MILEPOST_PROXY_PROTOCOL",
    fromText: booleanFrom,
    fallback: false,
    example: "true or false",
  },
  tokenInQuery: {
    schema: z.boolean(),
    env: "MILEPOST_TOKEN_IN_QUERY",
    fromText: booleanFrom,
    fallback: true,
    example: "true or false",
  },
  rules: {
    schema: rulesSchema,
    fallback: [],
    example:
      '[{"pattern": "chat:{room}", "subscribe": "granted", "publish": "granted", "retention": {"maxEntries": 100, "maxAgeMs": 3600000}}]',
  },
  queues: {
    schema: queuesSchema,
    fallback: [],
    example:
      '[{"queue": "preview", "join": "authenticated", "laneClaim": "plan", "lanes": {"paid": 3, "free": 1}}]',
  },
  autoSubscribe: {
    schema: z.array(z.string()).superRefine((patterns, context) => {
      const fault = personalFault(patterns);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    }),
    env: "MILEPOST_AUTO_SUBSCRIBE",
    fromText: (text) => (text === "" ? [] : listFrom(text)),
    fallback: personalDefault,
    example: "broadcast,user:{user},connection:{connection}",
  },
  methods: {
    schema: backendsSchema,
    fallback: {},
    secret: true,
    example: '{"orders.*": {"url": "http://orders.internal/rpc", "timeoutMs": 5000}}',
  },
  methodSecret: {
    schema: backendSecret,
    env: "MILEPOST_METHOD_SECRET",
    fallback: "",
    secret: true,
    example: "the output of: openssl rand -base64 48",
  },
  sessions: {
    schema: sessionsSchema,
    env: "MILEPOST_SESSIONS",
    fromText: sessionsFrom,
    fallback: { required: false },
    secret: true,
    example: '{"required": true, "credentials": true}, or required as the variable',
  },
  guests: {
    schema: z.boolean(),
    env: "MILEPOST_GUESTS",
    fromText: booleanFrom,
    fallback: false,
    example: "true or false",
  },
  guestTtlMs: {
    schema: z.int().min(60_000).max(34_560_000_000),
    env: "MILEPOST_GUEST_TTL_MS",
    fromText: numberFrom,
    fallback: 604_800_000,
    example: "604800000 (7 days)",
  },
  push: {
    schema: pushSchema,
    env: "MILEPOST_PUSH",
    fromText: jsonFrom,
    fallback: undefined,
    secret: true,
    example:
      '{"publicKey": "…", "privateKey": "…", "subject": "mailto:ops@example.com"}; npx web-push generate-vapid-keys prints the keys',
  },
  webhookSecret: {
    schema: webhookSecretSchema,
    env: "MILEPOST_WEBHOOK_SECRET",
    fallback: "",
    secret: true,
    example: "the output of: openssl rand -base64 48",
  },
  egress: {
    schema: egressSchema,
    env: "MILEPOST_EGRESS_ALLOW",
    fromText: (text) => ({ allow: text === "" ? [] : listFrom(text) }),
    fallback: {},
    example: '{"allow": ["hooks.internal", "10.0.0.0/8"]}',
  },
  limits: { schema: limits, fallback: {}, example: '{"maxConnections": 10000}' },
  compression: {
    schema: z.boolean(),
    env: "MILEPOST_COMPRESSION",
    fromText: booleanFrom,
    fallback: false,
    example: "true or false",
  },
  logLevel: {
    schema: z.enum(logLevels),
    env: "MILEPOST_LOG_LEVEL",
    fallback: "info",
    example: logLevels.join(", "),
  },
  drainMs: {
    schema: z.int().min(0).max(3_600_000),
    env: "MILEPOST_DRAIN_MS",
    fromText: numberFrom,
    fallback: 5_000,
    example: "5000",
  },
  sseMaxLifetimeMs: {
    schema: z.int().min(1_000).max(86_400_000),
    env: "MILEPOST_SSE_MAX_LIFETIME_MS",
    fromText: numberFrom,
    fallback: 300_000,
    example: "300000",
  },
  metricsPort: {
    schema: z.int().min(0).max(65_535).optional(),
    env: "MILEPOST_METRICS_PORT",
    fromText: numberFrom,
    fallback: undefined,
    example: "9464",
  },
  metricsHost: {
    schema: z.string().min(1),
    env: "MILEPOST_METRICS_HOST",
    fallback: "127.0.0.1",
    example: "0.0.0.0 (every address of the machine)",
  },
  console: {
    schema: z.boolean().optional(),
    env: "MILEPOST_CONSOLE",
    fromText: booleanFrom,
    fallback: undefined,
    example: "true or false",
  },
  tracing: {
    schema: z.boolean(),
    env: "MILEPOST_TRACING",
    fromText: booleanFrom,
    fallback: false,
    example: "true or false",
  },
  dev: {
    schema: z.boolean(),
    env: "MILEPOST_DEV",
    fromText: booleanFrom,
    fallback: false,
    example: "true or false",
  },
};

/** Name of a setting. */
export type SettingName = keyof Settings;

/** Names of all settings, in the order of the table. */
export const settingNames = Object.keys(settings) as readonly SettingName[];

/** Returns the definition of a setting that names a PEM file. */
function pemFile(env: string, example: string): Setting<string> {
  return { schema: z.string(), env, fallback: "", example };
}

function sessionsFrom(text: string): unknown {
  if (text === "off") return { required: false };
  if (text === "required") return { required: true };
  return text === "credentials" ? { required: true, credentials: true } : text;
}

function numberFrom(text: string): unknown {
  return /^-?[0-9]+$/.test(text) ? Number(text) : text;
}

/** Returns the value of a JSON text; a text that is no JSON is left for the schema to refuse. */
function jsonFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function listFrom(text: string): unknown {
  return text.split(",").map((item) => item.trim());
}

function booleanFrom(text: string): unknown {
  if (text === "true" || text === "1") return true;
  return text === "false" || text === "0" ? false : text;
}
