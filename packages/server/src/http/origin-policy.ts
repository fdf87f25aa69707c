import type { IncomingHttpHeaders } from "node:http";
import type { CoreLog } from "@milepost/core";
import { type Failure, failure } from "@milepost/protocol";

/** Policy for a request without an `Origin`; see {@link OriginSettings.missingOrigin}. */
export const missingOriginPolicies = ["allow", "refuse"] as const;

/** One of {@link missingOriginPolicies}. */
export type MissingOriginPolicy = (typeof missingOriginPolicies)[number];

/** Settings that decide from which pages, and under which names, the gateway may be used. */
export interface OriginSettings {
  /**
   * Exact origins of pages that may use the gateway; `"*"` allows every page. When the list is empty, pages of the
   * gateway's own host may.
   */
  readonly allowedOrigins: readonly string[];
  /**
   * Values of the `Host` header that the gateway answers to: a host with its port, or a host for every port. When
   * the list is empty, it answers to every name.
   */
  readonly allowedHosts: readonly string[];
  /**
   * Whether users may connect without an `Origin`, as programs do. Services may in any case. Browsers send none with
   * a GET of their own site; such requests count as requests with the origin of that site.
   */
  readonly missingOrigin: MissingOriginPolicy;
}

/** Headers of a request that the policy judges. */
export type JudgedHeaders = Pick<IncomingHttpHeaders, "origin" | "host" | "sec-fetch-site">;

/** Policy that decides which web pages may use the gateway from a browser, and under which host names. */
export interface OriginPolicy {
  /** True if the gateway answers to this value of the `Host` header. */
  answersTo(host: string | undefined): boolean;
  /** Returns the refusal of a request by its headers alone; undefined when it may go on to its credential. */
  refusal(headers: JudgedHeaders): Failure | undefined;
  /** Returns the refusal of a request that a user makes without an Origin, where the deployment refuses those. */
  refusalOfUser(headers: JudgedHeaders): Failure | undefined;
  /** Returns the value of `Access-Control-Allow-Origin` for an origin that the policy allows. */
  corsOrigin(origin: string): string;
  /**
   * Allows the pages of one more origin, beside those that the settings allow. Throws a TypeError for a text that is no
   * origin.
   */
  allow(origin: string): void;
}

const foreignOrigin = failure(
  "forbidden",
  "this origin may not use the gateway; add it to the setting allowedOrigins",
);
const foreignHost = failure(
  "forbidden",
  "the gateway does not answer to this Host; add it to the setting allowedHosts, or connect by a name in it",
);
const noOrigin = failure(
  "forbidden",
  "users need an Origin here (missingOrigin is refuse); send one of allowedOrigins, or set missingOrigin to allow",
);

/** Longest origin or host that the log shows, in characters. */
const maxLogged = 255;

/** Creates the policy of these settings. It logs the origins and hosts that it refuses. */
export function originPolicy(
  settings: Partial<OriginSettings> = {},
  log: Pick<CoreLog, "warn"> = { warn() {} },
): OriginPolicy {
  const { allowedOrigins = [], allowedHosts = [], missingOrigin = "allow" } = settings;
  const exact = new Set(allowedOrigins);
  const any = exact.has("*");
  const hosts = new Set(allowedHosts);
  const added = new Set<string>();

  function allows(origin: string, host: string | undefined): boolean {
    if (any || exact.has(origin) || added.has(origin)) return true;
    // With a list, the list alone counts: a page that a rebound DNS name serves has the gateway's host as well.
    if (exact.size > 0 || host === undefined || host === "") return false;
    return origin === `http://${host}` || origin === `https://${host}`;
  }

  function answersTo(host: string | undefined): boolean {
    if (hosts.size === 0) return true;
    if (host === undefined) return false;
    const name = host.toLowerCase();
    return hosts.has(name) || hosts.has(withoutPort(name));
  }

  return {
    answersTo,
    refusal({ origin, host }) {
      if (!answersTo(host)) {
        log.warn(
          { event: "request.wrong_host", host: host?.slice(0, maxLogged) },
          "a request was refused: its Host is not in allowedHosts",
        );
        return foreignHost;
      }
      if (origin === undefined || allows(origin, host)) return undefined;
      log.warn(
        { event: "request.wrong_origin", origin: origin.slice(0, maxLogged) },
        "a request was refused: its Origin is not in allowedOrigins",
      );
      return foreignOrigin;
    },
    refusalOfUser({ origin, host, "sec-fetch-site": site }) {
      if (missingOrigin === "allow" || origin !== undefined) return undefined;
      const isOwnPage =
        site === "same-origin" &&
        (allows(`http://${host}`, host) || allows(`https://${host}`, host));
      return isOwnPage ? undefined : noOrigin;
    },
    corsOrigin: (origin) => (any ? "*" : origin),
    allow(origin) {
      if (!isOrigin(origin)) {
        throw new TypeError(
          `${JSON.stringify(origin)} is no origin; write it like http://localhost:3000, without a path`,
        );
      }
      added.add(origin);
    },
  };
}

function withoutPort(host: string): string {
  return host.replace(/:[0-9]*$/, "");
}

/**
 * True when `text` is an origin as browsers send it: scheme, lower-case host, and the port unless it is the
 * default.
 */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin } = new URL(text);
  return origin === text && origin !== "null";
}

/** True when `text` is a host as a `Host` header names it, in lower case: `gateway.example.com`, `[::1]:8787`. */
export function isHost(text: string): boolean {
  return hostForm.test(text) && URL.canParse(`http://${text}`);
}

const hostForm = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?$/;
