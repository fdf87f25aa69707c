import { readFileSync } from "node:fs";
import { isRecord } from "@milepost/protocol";
import type { RedisTls } from "@milepost/redis";
import type { TokenOptions } from "../auth/token-verifier.ts";
import type { BackendsOptions } from "../backends/backends.ts";
import type { SessionCallbackOptions } from "../backends/session-callback.ts";
import { describeIssue } from "../http/schema-issue.ts";
import type { ReachOptions } from "../reach/target-sender.ts";
import { systemRandom } from "../runtime/system-random.ts";
import { backendsWithSecrets, callbackWithSecret } from "./backends.ts";
import { ConfigError } from "./config-error.ts";
import { type Given, type ReadFile, readEnvironment, type SourceSettings } from "./environment.ts";
import { exposureMistakes } from "./exposure.ts";
import { readConfigFile } from "./file.ts";
import { reachOf } from "./reach.ts";
import { readRedisTls } from "./redis-tls.ts";
import { type SettingName, type Settings, settingNames, settings } from "./settings.ts";
import { nameOfSource, type SourceSetting, sourceMistakes } from "./source-schema.ts";
import { tokensWithKeys } from "./token-keys.ts";

/** Sources of settings, in order of precedence. */
export interface ConfigSources {
  /** Settings from the command line; they take precedence over all others. */
  readonly flags?: Partial<Settings>;
  /** Environment with `MILEPOST_*` variables; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file of settings; default the value of `MILEPOST_CONFIG`. */
  readonly file?: string;
  /** Folder of the data of a gateway without Redis whose settings name none; default none. */
  readonly defaultData?: string;
  /** Reads a file as text; default from the disk. */
  readonly readFile?: ReadFile;
}

/** Complete, validated configuration. */
export interface Config extends Settings {
  /** Names of the secret settings that were generated because this is a development start. */
  readonly madeUp: readonly SettingName[];
  /** Options of user tokens from the setting `tokens`, with the keys read from their files. */
  readonly tokenOptions: TokenOptions;
  /** Backends from the setting `methods`, each with its resolved secret. */
  readonly backends: BackendsOptions;
  /** Ways to reach users who are away; undefined without any. */
  readonly reach?: ReachOptions;
  /** Certificates of connections to Redis over TLS, read from their files; undefined without any. */
  readonly redisTls?: RedisTls;
  /** Backend that validates sessions, with its resolved secret; undefined without one. */
  readonly sessionCallback: SessionCallbackOptions | undefined;
}

/**
 * Loads the configuration: flags take precedence over the environment, then the file, then the defaults.
 *
 * Throws {@link ConfigError} with every mistake at once. A missing token secret is a mistake, except with
 * `dev`: then a missing secret or API key is generated at each start, and pages of every origin are allowed
 * unless `allowedOrigins` names some.
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const {
    flags = {},
    env = process.env,
    readFile = (path) => readFileSync(path, "utf8"),
  } = sources;
  const file = sources.file ?? env.MILEPOST_CONFIG;
  const inOrder: readonly SourceSettings[] = [
    readFlags(flags),
    readEnvironment(env, readFile),
    ...(file === undefined || file === "" ? [] : [readConfigFile(file, readFile)]),
  ];
  const mistakes = inOrder.flatMap((source) => source.mistakes);
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of settingNames) {
    // An invalid value that another source overrides is reported too; otherwise it would surface later.
    const candidates = inOrder
      .flatMap(({ given }) => given.get(name) ?? [])
      .map((candidate) => check(name, candidate));
    for (const candidate of candidates) mistakes.push(...candidate.mistakes);
    values[name] = candidates[0]?.value ?? settings[name].fallback;
  }
  // Every value has passed its schema here; if not, there are mistakes and the values are never used.
  const given = values as unknown as Settings;
  const keepsData = given.redis === "" && given.memory !== true;
  const merged: Settings = {
    ...given,
    data: keepsData ? given.data || (sources.defaultData ?? "") : "",
  };
  const lacking = lackingSecrets(merged);
  if (merged.dev !== true && lacking.includes("tokenSecret")) {
    mistakes.push(
      "tokenSecret is missing; set MILEPOST_TOKEN_SECRET (or _FILE) to the output of: openssl rand -base64 48, or set tokens to the keys of your issuer. To try things out, start with --dev",
    );
  }
  if (mistakes.length === 0) mistakes.push(...exposureMistakes(merged, lacking));
  if (mistakes.length === 0) mistakes.push(...sourceMistakes(merged.sources, merged.redis));
  if (mistakes.length === 0 && (merged.tlsCert === "") !== (merged.tlsKey === "")) {
    mistakes.push("tlsCert and tlsKey belong together; set both to serve TLS, or neither");
  }
  if (mistakes.length === 0 && merged.workers > 1 && merged.redis === "") {
    mistakes.push(
      "workers above 1 need redis, because the workers share their state through it, and one process alone may use a data folder; set MILEPOST_REDIS_URL, for example redis://127.0.0.1:6379",
    );
  }
  const tokenOptions = tokensWithKeys(
    mistakes.length === 0 ? merged.tokens : {},
    readFile,
    mistakes,
  );
  // Backends are completed only when the settings themselves are valid.
  const { methods, methodSecret, sessions } = mistakes.length === 0 ? merged : noBackends;
  const backends = backendsWithSecrets(methods, methodSecret, readFile, mistakes);
  const sessionCallback = callbackWithSecret(sessions, methodSecret, readFile, mistakes);
  const reach = mistakes.length === 0 ? reachOf(merged, readFile, mistakes) : undefined;
  const redisTls = mistakes.length === 0 ? readRedisTls(merged, readFile, mistakes) : undefined;
  if (mistakes.length === 0 && merged.proxyProtocol && merged.trustedProxies.length === 0) {
    mistakes.push(
      "proxyProtocol needs trustedProxies, because only a trusted proxy may name the address of a client; set MILEPOST_TRUSTED_PROXIES, for example 10.0.0.0/8",
    );
  }
  if (mistakes.length === 0 && merged.metricsPort === merged.port && merged.port !== 0) {
    mistakes.push(
      "metricsPort must differ from port, because it answers without a key; set MILEPOST_METRICS_PORT, for example 9464",
    );
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const settled = merged.dev ? withMadeUpSecrets(merged, lacking) : merged;
  const madeUp = merged.dev ? lacking : [];
  const complete = { ...settled, madeUp, tokenOptions, backends, sessionCallback };
  return { ...complete, ...(reach && { reach }), ...(redisTls && { redisTls }) };
}

const noBackends: Pick<Settings, "methods" | "methodSecret" | "sessions"> = {
  methods: {},
  methodSecret: "",
  sessions: { required: false },
};

function readFlags(flags: Partial<Settings>): SourceSettings {
  const given = new Map<SettingName, Given>();
  for (const name of settingNames) {
    const value = flags[name];
    if (value !== undefined) given.set(name, { value, source: `--${kebabCased(name)}` });
  }
  return { given, mistakes: [] };
}

interface Checked {
  /** Value as parsed by its schema, or the raw value when it is invalid. */
  readonly value: unknown;
  readonly mistakes: readonly string[];
}

function check(name: SettingName, { value, source }: Given): Checked {
  const { schema, example, secret } = settings[name];
  const outcome = schema.safeParse(value);
  if (outcome.success) return { value: outcome.data, mistakes: [] };
  const shown =
    secret === undefined && typeof value === "string" ? `; it is ${JSON.stringify(value)}` : "";
  const hint = value === `${value}` && value.startsWith("tcp://") ? kubernetesHint : "";
  const mistakes = outcome.error.issues.map(
    (issue) =>
      `${source}: ${describeIssue({ ...issue, path: [name, ...issue.path] }, { [name]: value }, name)}${shown}; for example ${example}${hint}`,
  );
  return { value, mistakes };
}

const kubernetesHint =
  " (Kubernetes sets this for a service called milepost: give the pod enableServiceLinks: false)";

function lackingSecrets({ tokenSecret, tokens, apiKeys }: Settings): SettingName[] {
  return [
    ...(tokenSecret === "" && !hasTokenKeys(tokens) ? (["tokenSecret"] as const) : []),
    ...(apiKeys.length === 0 ? (["apiKeys"] as const) : []),
  ];
}

function hasTokenKeys({ keys = [], jwks = [] }: Settings["tokens"]): boolean {
  return keys.length + jwks.length > 0;
}

function withMadeUpSecrets(given: Settings, lacking: readonly SettingName[]): Settings {
  return {
    ...given,
    ...(lacking.includes("tokenSecret") && { tokenSecret: systemRandom.id(64) }),
    ...(lacking.includes("apiKeys") && {
      apiKeys: [{ name: "dev", key: `dev-${systemRandom.id(40)}` }],
    }),
    // In development another program serves the web page, on a port that is not known in advance.
    ...(given.allowedOrigins.length === 0 && { allowedOrigins: ["*"] }),
  };
}

function kebabCased(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Returns the settings in a form that may be shown: for a secret, only whether it is set. */
export function redacted(config: Settings): Record<SettingName, unknown> {
  const shown = {} as Record<SettingName, unknown>;
  for (const name of settingNames) {
    const value = config[name];
    shown[name] = settings[name].secret === undefined ? value : secretState(value);
  }
  return shown;
}

/** Returns the name of an API key or the stream of a source. */
function nameOf(item: { readonly name: string } | SourceSetting): string {
  return "name" in item ? item.name : nameOfSource(item);
}

/** Describes a secret setting: names and switches are shown, everything that may be secret is only said to be set. */
function secretState(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.length === 0 ? "[none]" : `[set: ${[...new Set(value.map(nameOf))].join(", ")}]`;
  }
  if (isRecord(value)) {
    const names = Object.keys(value);
    const switches = Object.values(value).filter(isSwitch);
    if (switches.length > 0) {
      return Object.fromEntries(
        Object.entries(value).map(([name, part]) => [name, isSwitch(part) ? part : "[set]"]),
      );
    }
    return names.length === 0 ? "[none]" : `[set: ${names.join(", ")}]`;
  }
  return value === "" || value === undefined ? "[none]" : "[set]";
}

function isSwitch(value: unknown): value is boolean | number {
  return typeof value === "boolean" || typeof value === "number";
}
