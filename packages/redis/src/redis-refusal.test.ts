import { ErrorReply } from "@redis/client";
import { describe, expect, test } from "vitest";
import { isRefusal, RedisRefusal } from "./redis-refusal.ts";

function withCode(code: string): Error {
  return Object.assign(new Error("a fault"), { code });
}

describe("the difference between a Redis that refuses and one that is absent", () => {
  test.each([
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'role' command",
    "ERR DB index is out of range",
    "ERR This instance has cluster support disabled",
  ])("the reply %j is a refusal that no retry changes", (reply) => {
    expect(isRefusal(new ErrorReply(reply))).toBe(true);
  });

  test.each([
    "LOADING Redis is loading the dataset in memory",
    "BUSY Redis is busy running a script",
    "ERR max number of clients reached",
    "MASTERDOWN Link with MASTER is down",
    "CLUSTERDOWN The cluster is down",
    "READONLY You can't write against a read only replica.",
  ])("the reply %j comes from a Redis that will serve later", (reply) => {
    expect(isRefusal(new ErrorReply(reply))).toBe(false);
  });

  test.each([
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "ERR_SSL_WRONG_VERSION_NUMBER",
  ])("a TLS connection that failed with %s is a refusal", (code) => {
    expect(isRefusal(withCode(code))).toBe(true);
  });

  test.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNRESET"])(
    "a connection that failed with %s means that Redis is absent",
    (code) => {
      expect(isRefusal(withCode(code))).toBe(false);
      expect(isRefusal(new AggregateError([withCode(code), withCode(code)]))).toBe(false);
    },
  );

  test("a Redis that does not answer is absent, and a master that no Sentinel knows is a refusal", () => {
    expect(isRefusal(new Error("did not answer within 5000 ms"))).toBe(false);
    expect(isRefusal(new RedisRefusal("no Sentinel knows it"))).toBe(true);
  });
});
