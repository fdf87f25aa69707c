import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { CoreLog } from "@milepost/core";
import type { Clock, Random } from "@milepost/engine";
import { isRecord, MilepostError, parseJson } from "@milepost/protocol";
import { CircuitBreaker } from "../backends/circuit-breaker.ts";
import { keyOfJwk, type PublicTokenKey, type TokenAlgorithm } from "./token-key.ts";

/** Set of public keys that an issuer publishes at a URL (JWKS). */
export interface KeySetOptions {
  /** Address of the key set, `https:` or `http:`, without credentials. Redirects are not followed. */
  readonly url: string;
  /** Issuer whose tokens these keys verify: their `iss`. Default: any that `issuer` allows. */
  readonly issuer?: string;
  /** Shortest time between two fetches, however many unknown `kid`s arrive, in milliseconds; default 30,000. */
  readonly cooldownMs?: number;
  /** Age at which the keys are fetched again in the background, in milliseconds; default 600,000 (10 minutes). */
  readonly maxAgeMs?: number;
  /** Age at which keys that could not be fetched again are no longer used, in milliseconds; default 86,400,000 (a day). */
  readonly maxStaleMs?: number;
  /** Longest time of one fetch, in milliseconds; default 5,000. */
  readonly timeoutMs?: number;
}

/** Services that a key set needs: clock, randomness and log. */
export interface KeySetParts {
  readonly clock: Pick<Clock, "monotonic">;
  readonly random: Pick<Random, "fraction">;
  readonly log: CoreLog;
  /** Called after each fetch with its result. */
  readonly onFetched?: (result: "fetched" | "failed") => void;
}

/** Longest answer with keys, in bytes, and the number of keys that are used of it. */
const maxBytes = 262_144;
const maxKeys = 100;

/**
 * Keys of an issuer, fetched when the first token needs them.
 *
 * An unknown `kid` causes a fetch, but never two within the cooldown, however many tokens arrive: they share the one
 * under way. A token with an unknown `kid` within the cooldown is not refused for good, because the issuer may have a
 * new key: it gets `token_not_yet_valid` with the time until the next fetch. When the issuer does not answer, known
 * keys stay in use up to `maxStaleMs`. A circuit breaker stretches the pauses between fetches that fail.
 */
export class KeySet {
  readonly #options: Required<Omit<KeySetOptions, "issuer">> & Pick<KeySetOptions, "issuer">;
  readonly #url: URL;
  readonly #parts: KeySetParts;
  readonly #breaker: CircuitBreaker;
  #keys: readonly PublicTokenKey[] = [];
  /** Times of the last fetch that succeeded and of the last that began; undefined before the first. */
  #fetchedAt: number | undefined;
  #triedAt: number | undefined;
  #fetching: Promise<boolean> | undefined;

  /** Creates the key set without a fetch. Throws a TypeError if the URL cannot be used. */
  constructor(options: KeySetOptions, parts: KeySetParts) {
    this.#url = readUrl(options.url);
    this.#parts = parts;
    this.#options = {
      cooldownMs: 30_000,
      maxAgeMs: 600_000,
      maxStaleMs: 86_400_000,
      timeoutMs: 5_000,
      ...options,
    };
    this.#breaker = new CircuitBreaker({ failuresInRow: 3 }, parts.clock, parts.random);
  }

  /**
   * Returns the keys that may verify a token; none if the issuer has no such key. Rejects with `token_not_yet_valid`
   * if the issuer may have published the key since the last fetch, and with `unavailable` if there are no keys at all.
   */
  async keysFor(
    algorithm: TokenAlgorithm,
    kid: string | undefined,
  ): Promise<readonly PublicTokenKey[]> {
    const matching = () =>
      this.#keys.filter(
        (key) =>
          key.algorithm === algorithm &&
          (kid === undefined || key.kid === undefined || key.kid === kid),
      );
    const age = this.#age();
    if (age >= this.#options.maxStaleMs) this.#keys = [];
    else if (age >= this.#options.maxAgeMs && this.#waitMs() === 0) void this.#fetch();
    const known = matching();
    if (known.length > 0) return known;
    const joined = this.#fetching;
    if (joined === undefined && this.#waitMs() === 0) {
      const isFresh = await this.#fetch();
      const found = matching();
      if (found.length > 0 || isFresh) return found;
    } else {
      await joined;
      const found = matching();
      if (found.length > 0) return found;
    }
    const retryAfterMs = Math.max(1, Math.ceil(this.#waitMs()));
    if (this.#age() >= this.#options.maxStaleMs) {
      const message = "the keys of the token's issuer cannot be fetched now; try again later";
      throw new MilepostError("unavailable", message, { retryAfterMs });
    }
    const message = "the token's key is not known yet; try again after the next fetch of the keys";
    throw new MilepostError("token_not_yet_valid", message, { retryAfterMs });
  }

  /** Age of the keys in milliseconds; infinite before the first fetch that succeeded. */
  #age(): number {
    return this.#fetchedAt === undefined
      ? Number.POSITIVE_INFINITY
      : this.#parts.clock.monotonic() - this.#fetchedAt;
  }

  /** Time until the next fetch may begin, in milliseconds. */
  #waitMs(): number {
    const since =
      this.#triedAt === undefined
        ? Number.POSITIVE_INFINITY
        : this.#parts.clock.monotonic() - this.#triedAt;
    return Math.max(0, this.#options.cooldownMs - since, this.#breaker.retryAfterMs);
  }

  /** Fetches the keys, or joins the fetch under way. Resolves with false if they could not be fetched. */
  #fetch(): Promise<boolean> {
    this.#fetching ??= this.#refresh().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #refresh(): Promise<boolean> {
    const permit = this.#breaker.take();
    if (permit === undefined) return false;
    this.#triedAt = this.#parts.clock.monotonic();
    const { issuer, timeoutMs } = this.#options;
    try {
      const keys = readKeys(await get(this.#url, timeoutMs));
      this.#keys = keys.map((key) => ({ ...key, ...(issuer === undefined ? {} : { issuer }) }));
      this.#fetchedAt = this.#parts.clock.monotonic();
      this.#breaker.succeeded(permit);
      this.#parts.onFetched?.("fetched");
      return true;
    } catch (error) {
      this.#breaker.failed(permit);
      this.#parts.onFetched?.("failed");
      const reason = error instanceof Error ? error.message : String(error);
      const keySet = `${this.#url.origin}${this.#url.pathname}`;
      this.#parts.log.warn(
        { event: "keys.unreachable", keySet, reason, known: this.#keys.length },
        "the keys of a token issuer cannot be fetched; known keys stay in use",
      );
      return false;
    }
  }
}

/** Returns what makes an address unusable for a key set; undefined if nothing does. */
export function keySetUrlFault(text: string): string | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "must be a URL such as https://issuer.example.com/.well-known/jwks.json";
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https:";
  return url.username === "" && url.password === "" ? undefined : "must not contain credentials";
}

function readUrl(text: string): URL {
  const fault = keySetUrlFault(text);
  if (fault !== undefined) throw new TypeError(`the url of a key set ${fault}`);
  return new URL(text);
}

function readKeys(text: string): readonly PublicTokenKey[] {
  const json = parseJson(text);
  const listed = json.ok && isRecord(json.value) ? json.value.keys : undefined;
  if (!Array.isArray(listed)) throw new Error('the answer is not {"keys": […]}');
  const keys = listed.slice(0, maxKeys).flatMap((jwk) => keyOfJwk(jwk) ?? []);
  if (keys.length === 0) throw new Error("the answer has no key that verifies tokens");
  return keys;
}

/** Gets a text of bounded size in bounded time. Follows no redirects. */
function get(url: URL, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { Accept: "application/jwk-set+json, application/json" };
    const request = send(url, { agent: false, signal, headers }, (response) => {
      const { statusCode } = response;
      const parts: Buffer[] = [];
      let bytes = 0;
      if (statusCode !== 200) {
        request.destroy(new Error(`the answer has the status ${statusCode}, not 200`));
        return;
      }
      response.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes <= maxBytes) parts.push(part);
        else request.destroy(new Error(`the answer is larger than ${maxBytes} bytes`));
      });
      response.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
      response.on("error", reject);
    });
    request.on("error", (error) =>
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error),
    );
    request.end();
  });
}
