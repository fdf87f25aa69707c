import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { Principal } from "../rules/principal.ts";
import type { Rule, RuleRate } from "../rules/rule.ts";
import { noInstruments } from "../runtime/instruments.ts";
import { type TestCore, testCore } from "../testing/index.ts";
import { PublishRates } from "./publish-rates.ts";

const service: Principal = { kind: "service", name: "backend" };

function userOf(user: string): Principal {
  const grants = { subscribe: [], publish: [] };
  return { kind: "user", user, session: undefined, grants, expiresAt: undefined };
}

function rates() {
  let now = 0;
  const bucket = new PublishRates({ monotonic: () => now }, noInstruments);
  const take = (channel: string, rate: RuleRate, principal = service, pattern = "*") =>
    bucket.take(principal, channel, { pattern, rate });
  return {
    take,
    advance: (ms: number) => {
      now += ms;
    },
    /**
     * Publishes until a publish is refused as `rate_limited`. Returns how many publishes succeeded, and the
     * wait before the next one in milliseconds.
     */
    drain(
      channel: string,
      rate: RuleRate,
      principal = service,
    ): readonly [number, number | undefined] {
      for (let taken = 0; taken < 1_000; taken++) {
        try {
          take(channel, rate, principal);
        } catch (error) {
          return [taken, error instanceof MilepostError ? error.retryAfterMs : undefined];
        }
      }
      return [1_000, undefined];
    },
  };
}

describe("the publish rate of a channel", () => {
  test("[P-RULE-2] a rate allows a burst at once, and then one publish whenever a token is available", () => {
    const { drain, advance } = rates();
    expect(drain("a", { perSecond: 10, burst: 5 })).toEqual([5, 100]);
    advance(99);
    expect(drain("a", { perSecond: 10, burst: 5 })).toEqual([0, 1]);
    advance(1);
    expect(drain("a", { perSecond: 10, burst: 5 })).toEqual([1, 100]);
    advance(10_000);
    expect(drain("a", { perSecond: 10, burst: 5 })).toEqual([5, 100]);
  });

  test("[P-RULE-2] a rate without a burst allows one second's publishes at once, and at least one", () => {
    const { drain } = rates();
    expect(drain("a", { perSecond: 3 })).toEqual([3, 334]);
    expect(drain("b", { perSecond: 0.1 })).toEqual([1, 10_000]);
  });

  test("[P-RULE-2] the number of publishes over an hour matches the rate, however often a sender tries", () => {
    const { take, advance } = rates();
    let taken = 0;
    for (let ms = 0; ms < 3_600_000; ms += 70) {
      advance(70);
      try {
        take("a", { perSecond: 0.7, burst: 2 });
        taken++;
      } catch {}
    }
    expect(Math.abs(taken - 2_520)).toBeLessThanOrEqual(2);
  });

  test("[P-RULE-2] the rate holds for each of 50,000 channels that are used at the same time", () => {
    const { take, drain } = rates();
    for (let n = 0; n < 50_000; n++) take(`a:${n}`, { perSecond: 1 });
    for (let n = 0; n < 50_000; n++) expect(drain(`a:${n}`, { perSecond: 1 })[0]).toBe(0);
  });

  test("[P-RULE-2] publishes to any number of other channels never give a channel back its burst", () => {
    const { take, drain } = rates();
    const slow = { perSecond: 0.001, burst: 3 };
    expect(drain("a", slow)[0]).toBe(3);
    for (let n = 0; n < 200_000; n++) {
      try {
        take(`other:${n}`, slow);
      } catch {}
    }
    expect(drain("a", slow)[0]).toBe(0);
  });
});

describe("the publish rate of a publisher", () => {
  test("[P-RULE-2] a user has the rate of one channel for all channels of the rule together", () => {
    const { take, drain } = rates();
    const rate = { perSecond: 10, burst: 5 };
    for (let n = 0; n < 5; n++) take(`a:${n}`, rate, userOf("ada"));
    expect(drain("a:9", rate, userOf("ada"))).toEqual([0, 100]);
    expect(drain("a:9", rate, userOf("bob"))).toEqual([5, 100]);
  });

  test("[P-RULE-2] with perPrincipal, one user cannot use up the rate of a channel", () => {
    const { drain, advance } = rates();
    const rate = { perSecond: 10, burst: 10, perPrincipal: { perSecond: 1, burst: 2 } };
    expect(drain("a", rate, userOf("ada"))).toEqual([2, 1_000]);
    expect(drain("a", rate, userOf("bob"))).toEqual([2, 1_000]);
    advance(1_000);
    expect(drain("a", rate, userOf("ada"))).toEqual([1, 1_000]);
  });

  test("[P-RULE-2] a service has only the rate of each channel", () => {
    const { drain } = rates();
    const rate = { perSecond: 10, burst: 4, perPrincipal: { perSecond: 1, burst: 1 } };
    expect(drain("a", rate)).toEqual([4, 100]);
    expect(drain("b", rate)).toEqual([4, 100]);
  });

  test("[P-RULE-2] a publish that the channel's rate refuses does not count against its publisher", () => {
    const { drain } = rates();
    const rate = { perSecond: 10, burst: 3, perPrincipal: { perSecond: 10, burst: 5 } };
    expect(drain("a", rate, userOf("ada"))[0]).toBe(3);
    expect(drain("b", rate, userOf("ada"))[0]).toBe(2);
  });

  test("[P-RULE-2] the rates of two rules count apart for the same user", () => {
    const { take } = rates();
    const rate = { perSecond: 1, burst: 1 };
    take("a:1", rate, userOf("ada"), "a:*");
    take("b:1", rate, userOf("ada"), "b:*");
    expect(() => take("a:2", rate, userOf("ada"), "a:*")).toThrow(/you publish too much/);
  });
});

describe("publishing to a channel with a rate", () => {
  const rules: Rule[] = [
    {
      pattern: "slow:{name}",
      subscribe: "authenticated",
      publish: "authenticated",
      retention: { maxEntries: 10, maxAgeMs: 60_000 },
      rate: { perSecond: 1, burst: 2 },
    },
  ];
  const publish = (t: TestCore, channel = "slow:a", key?: string) =>
    t.publish(channel, "n", 1, key);

  test("[P-RULE-2] a publish above the rate is rate_limited with retryAfterMs, and is not stored", async () => {
    await using t = testCore({ rules });
    await publish(t);
    await publish(t);
    await expect(publish(t, "slow:a", "k")).rejects.toMatchObject({
      code: "rate_limited",
      retryable: true,
      retryAfterMs: 1_000,
    });
    await publish(t, "slow:b");
    expect((await t.core.channels.history(t.service, "slow:a")).entries).toHaveLength(2);
    await t.clock.advance(1_000);
    expect(await publish(t, "slow:a", "k")).toMatchObject({ duplicate: false });
  });

  test("[P-RULE-2] publishes that are refused for missing permission do not count against a channel's rate", async () => {
    await using t = testCore({ rules: [{ ...rules[0], publish: "granted" } as Rule] });
    const eve = t.user("eve");
    for (let n = 0; n < 5; n++) {
      await expect(t.core.channels.publish(eve, "slow:a", "n", 1)).rejects.toMatchObject({
        code: "forbidden",
      });
    }
    await publish(t);
    await publish(t);
  });

  test("[P-RULE-2] a publish above the rate over a connection is answered with retry_after_ms", async () => {
    await using t = testCore({ rules });
    const socket = t.connect({ principal: t.user("ada") });
    await t.clock.settle();
    socket.take();
    for (let id = 1; id <= 3; id++) {
      socket.send({ type: "publish", id, channel: "slow:a", event: "n", data: id });
    }
    await t.clock.settle();
    const replies = [...socket.take()].sort((a, b) => Number(a.id) - Number(b.id));
    expect(replies).toMatchObject([
      { id: 1, result: { duplicate: false } },
      { id: 2, result: { duplicate: false } },
      { id: 3, error: { code: "rate_limited", retryable: true, retry_after_ms: 1_000 } },
    ]);
  });
});
