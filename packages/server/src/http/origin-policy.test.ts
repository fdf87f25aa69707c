import { describe, expect, it } from "vitest";
import { isOrigin, originPolicy } from "./origin-policy.ts";

const host = "gateway.example.com";

describe("the origin policy", () => {
  const policy = originPolicy(["https://app.example.com", "http://localhost:5173"]);

  it.each([undefined, "https://app.example.com", "http://localhost:5173", `https://${host}`])(
    "the origin policy allows %s",
    (origin) => {
      expect(policy.allows(origin, host)).toBe(true);
    },
  );

  it.each([
    "null",
    "",
    "*",
    "http://app.example.com",
    "https://app.example.com.evil.com",
    "https://evil.com/https://app.example.com",
    "https://evilapp.example.com",
    "https://app.example.co",
    "https://app.example.com:8443",
    "https://app.example.com:443",
    "https://APP.example.com",
    "HTTPS://app.example.com",
    "https://app.example.com/",
    "https://app.example.com ",
    " https://app.example.com",
    "https://app.example.com,https://evil.com",
    "https://user@app.example.com",
    "https://example.com",
    "//app.example.com",
    "app.example.com",
    "https://аpp.example.com",
    "https://app.example.com\u0000",
    "http://localhost",
    "http://localhost:51730",
    "http://127.0.0.1:5173",
    "file://",
    "chrome-extension://abcdef",
    `https://${host}.evil.com`,
    `https://${host}:444`,
    `ftp://${host}`,
  ])("the origin policy refuses %j", (origin) => {
    expect(policy.allows(origin, host)).toBe(false);
  });

  it("the origin policy does not match an Origin against a missing Host", () => {
    expect(policy.allows("http://", "")).toBe(false);
    expect(policy.allows("http://undefined", undefined)).toBe(false);
  });

  it('the origin policy allows every page when the list contains "*"', () => {
    expect(originPolicy(["*"]).allows("https://anything.example", host)).toBe(true);
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
