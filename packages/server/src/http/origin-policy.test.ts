import { describe, expect, it } from "vitest";
import { hostileOrigins } from "../testing/hostile-origins.ts";
import { isHost, isOrigin, originPolicy } from "./origin-policy.ts";

const host = "gateway.example.com";
const own = [`http://${host}`, `https://${host}`];

describe("the origin policy", () => {
  const policy = originPolicy({
    allowedOrigins: ["https://app.example.com", "http://localhost:5173"],
  });

  it.each([undefined, "https://app.example.com", "http://localhost:5173"])(
    "[P-ORI-1] the origin policy allows %s",
    (origin) => {
      expect(policy.refusal({ ...(origin !== undefined && { origin }), host })).toBeUndefined();
    },
  );

  it.each(hostileOrigins)("[P-ORI-1] the origin policy refuses %j", (origin) => {
    expect(policy.refusal({ origin, host })).toMatchObject({ code: "forbidden" });
    expect(originPolicy().refusal({ origin, host })).toMatchObject({ code: "forbidden" });
  });

  it("[P-ORI-1] the page of the gateway's own host is allowed only where no origin is listed", () => {
    for (const origin of own) {
      expect(originPolicy().refusal({ origin, host })).toBeUndefined();
      expect(policy.refusal({ origin, host })).toMatchObject({ code: "forbidden" });
    }
    expect(originPolicy().refusal({ origin: "https://app.example.com", host })).toBeDefined();
  });

  it("the origin policy does not match an Origin against a missing Host", () => {
    expect(originPolicy().refusal({ origin: "http://", host: "" })).toBeDefined();
    expect(originPolicy().refusal({ origin: "http://undefined" })).toBeDefined();
  });

  it('the origin policy allows every page when the list contains "*", and CORS then names no page', () => {
    const open = originPolicy({ allowedOrigins: ["*"] });
    expect(open.refusal({ origin: "https://anything.example", host })).toBeUndefined();
    expect(open.corsOrigin("https://anything.example")).toBe("*");
    expect(policy.corsOrigin("https://app.example.com")).toBe("https://app.example.com");
  });
});

describe("the Host header", () => {
  const policy = originPolicy({ allowedHosts: [host, "localhost:8787", "[::1]"] });

  it.each([host, `${host}:443`, "Gateway.Example.com", "localhost:8787", "[::1]:9000"])(
    "a request to the Host %s passes, because allowedHosts names it",
    (named) => {
      expect(policy.refusal({ host: named })).toBeUndefined();
    },
  );

  it.each([
    undefined,
    "",
    "evil.example",
    "localhost",
    "localhost:8788",
    "127.0.0.1:8787",
    `${host}.`,
    `${host}.evil.example`,
    `evil.example:${host}`,
    `user@${host}`,
    `${host}:443:443`,
    "[::1",
    "::1",
  ])("a request to the Host %j is refused, because allowedHosts does not name it", (named) => {
    const refusal = policy.refusal(named === undefined ? {} : { host: named });
    expect(refusal).toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("allowedHosts"),
    });
  });

  it("[P-ORI-2] a page of a rebound DNS name is refused, although its Origin is its Host", () => {
    const rebound = { origin: "http://evil.example:8787", host: "evil.example:8787" };
    expect(policy.refusal(rebound)).toMatchObject({ code: "forbidden" });
  });
});

describe("a request without an Origin", () => {
  it("[P-ORI-3] a user may connect without an Origin unless missingOrigin is refuse", () => {
    expect(originPolicy().refusalOfUser({ host })).toBeUndefined();
    const strict = originPolicy({ missingOrigin: "refuse" });
    expect(strict.refusal({ host })).toBeUndefined();
    expect(strict.refusalOfUser({ host })).toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("missingOrigin"),
    });
    expect(strict.refusalOfUser({ host, origin: `https://${host}` })).toBeUndefined();
  });

  it("[P-ORI-3] a GET that a browser sends for a page of the same site counts as a request with that page's origin", () => {
    const headers = { host, "sec-fetch-site": "same-origin" };
    const strict = { missingOrigin: "refuse" } as const;
    expect(originPolicy(strict).refusalOfUser(headers)).toBeUndefined();
    const listed = { ...strict, allowedOrigins: [`https://${host}`] };
    expect(originPolicy(listed).refusalOfUser(headers)).toBeUndefined();
    const elsewhere = { ...strict, allowedOrigins: ["https://app.example.com"] };
    expect(originPolicy(elsewhere).refusalOfUser(headers)).toBeDefined();
    for (const site of ["cross-site", "same-site", "none", ""]) {
      const refusal = originPolicy(strict).refusalOfUser({ host, "sec-fetch-site": site });
      expect(refusal).toMatchObject({ code: "forbidden" });
    }
  });
});

it("isOrigin accepts only what browsers send: no path, no upper case, no default port", () => {
  for (const text of ["https://app.example.com", "http://localhost:5173"]) {
    expect(isOrigin(text)).toBe(true);
  }
  for (const text of [
    "https://app.example.com/",
    "https://App.example.com",
    "https://a:443",
    "x",
    "null",
  ]) {
    expect(isOrigin(text)).toBe(false);
  }
});

it("isHost accepts a lower-case host with or without a port, and nothing else", () => {
  for (const text of ["a.example", "a.example:8443", "127.0.0.1", "[::1]:80", "localhost"]) {
    expect(isHost(text)).toBe(true);
  }
  for (const text of ["A.example", "http://a", "a/", "u@a", "a:b", "", "a b", "*", "a?", "::1"]) {
    expect(isHost(text)).toBe(false);
  }
});
