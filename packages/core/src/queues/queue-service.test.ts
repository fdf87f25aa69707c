import type { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { ServicePrincipal } from "../rules/principal.ts";
import { ServiceScopes } from "../rules/service-scopes.ts";
import { testCore } from "../testing/index.ts";
import type { QueueRule } from "./queue-rule.ts";

const preview: QueueRule = {
  queue: "preview",
  join: "authenticated",
  lanes: { paid: 3, free: 1 },
  laneClaim: "plan",
  capacity: 2,
};

function scoped(name: string, ...scopes: string[]): ServicePrincipal {
  const read = ServiceScopes.read(scopes);
  if (typeof read === "string") throw new Error(read);
  return { kind: "service", name, scopes: read };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: MilepostError) => error.code,
  );
}

describe("joining", () => {
  test("[P-QUE-1] a user joins for itself, once, in the lane that its token names", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues } = t.core;
    const ada = t.user("ada", { claims: { plan: "paid" } });
    const first = await queues.join(ada, "preview", {});
    expect(first).toMatchObject({
      queue: "preview",
      status: "waiting",
      lane: "paid",
      position: 1,
      total: 1,
      ahead_in_lane: 0,
      estimated_wait: null,
      user_id: "ada",
      duplicate: false,
    });
    const again = await queues.join(ada, "preview", {});
    expect(again).toMatchObject({ id: first.id, duplicate: true });
    const bob = await queues.join(t.user("bob", { claims: { plan: "gold" } }), "preview", {});
    expect(bob).toMatchObject({ lane: "free", position: 2, total: 2 });
    expect(await queues.get(ada, "preview", first.id)).toMatchObject({ position: 1, total: 2 });
  });

  test("[P-QUE-2] a user chooses neither its lane nor another person nor an operation", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues } = t.core;
    const bob = t.user("bob", { session: "s1", claims: { plan: "free" } });
    for (const input of [
      { lane: "paid" },
      { user: "ada" },
      { session: "s2" },
      { operation: "9" },
    ]) {
      expect(await codeOf(queues.join(bob, "preview", input))).toBe("forbidden");
    }
    expect(await queues.join(bob, "preview", { lane: "free", user: "bob" })).toMatchObject({
      lane: "free",
    });
  });

  test("[P-QUE-2] the rule says who may join, and a queue without a rule is for API keys", async () => {
    await using t = testCore({
      queues: [
        { queue: "members", join: { claim: "role", equals: "member" } },
        { queue: "region:{region}", join: "anyone" },
      ],
    });
    const { queues } = t.core;
    const member = t.user("ada", { claims: { role: "member" } });
    expect(await codeOf(queues.join(member, "members", {}))).toBe("accepted");
    expect(await codeOf(queues.join(t.user("bob"), "members", {}))).toBe("forbidden");
    expect(await codeOf(queues.join(member, "other", {}))).toBe("forbidden");
    // Nobody makes queues by joining names that a pattern matches.
    expect(await codeOf(queues.join(member, "region:eu", {}))).toBe("not_found");
    await queues.configure(t.service, "region:eu", { capacity: 1 });
    expect(await codeOf(queues.join(member, "region:eu", {}))).toBe("accepted");
    expect(await codeOf(queues.join(member, "not a name", {}))).toBe("bad_message");
  });

  test("[P-QUE-3] a key joins for people in the queues of its scopes, and nobody sees another one's ticket", async () => {
    await using t = testCore();
    const { queues } = t.core;
    await queues.configure(t.service, "a:preview", { capacity: 1, lanes: { paid: 2, free: 1 } });
    const tenantA = scoped("a", "queue:join:a:*", "queue:claim:a:*");
    const tenantB = scoped("b", "queue:join:b:*", "queue:claim:b:*", "queue:manage:b:*");
    const ticket = await queues.join(tenantA, "a:preview", { user: "ada", lane: "paid" });
    expect(ticket).toMatchObject({ lane: "paid", user_id: "ada" });
    const ofB = [
      queues.join(tenantB, "a:preview", { user: "eve" }),
      queues.get(tenantB, "a:preview", ticket.id),
      queues.leave(tenantB, "a:preview", ticket.id),
      queues.claim(tenantB, "a:preview", { worker: "w" }),
      queues.extend(tenantB, "a:preview", ticket.id, { fence: 1 }),
      queues.finish(tenantB, "a:preview", ticket.id, { fence: 1 }),
      queues.fail(tenantB, "a:preview", ticket.id, { fence: 1 }),
      queues.configure(tenantB, "a:preview", { capacity: 9 }),
      queues.view(tenantB, "a:preview"),
    ];
    expect(await Promise.all(ofB.map(codeOf))).toEqual(ofB.map(() => "forbidden"));
    expect((await queues.list(tenantB)).queues).toEqual([]);
    const eve = t.user("eve");
    expect(await codeOf(queues.get(eve, "a:preview", ticket.id))).toBe("not_found");
    expect(await codeOf(queues.leave(eve, "a:preview", ticket.id))).toBe("not_found");
    expect(await codeOf(queues.claim(eve, "a:preview", { worker: "w" }))).toBe("forbidden");
    expect(await codeOf(queues.view(eve, "a:preview"))).toBe("forbidden");
    expect(await queues.get(t.user("ada"), "a:preview", ticket.id)).toMatchObject({ position: 1 });
    expect(await codeOf(queues.join(tenantA, "a:preview", {}))).toBe("bad_message");
  });
});

describe("serving", () => {
  test("[P-QUE-4] a worker claims the next ticket within the capacity, extends it and finishes it", async () => {
    await using t = testCore({ queues: [{ ...preview, capacity: 1 }] });
    const { queues } = t.core;
    const ada = await queues.join(t.user("ada"), "preview", {});
    const bob = await queues.join(t.user("bob"), "preview", {});
    const claimed = await queues.claim(t.service, "preview", { worker: "w1", lease_ms: 5_000 });
    expect(claimed).toMatchObject({ id: ada.id, status: "running", attempt: 1, position: 0 });
    expect(claimed?.lease).toMatchObject({ ttl_ms: 5_000 });
    expect(await queues.claim(t.service, "preview", { worker: "w2" })).toBeUndefined();
    const fence = claimed?.lease.fence ?? 0;
    const extended = await queues.extend(t.service, "preview", ada.id, { fence, lease_ms: 9_000 });
    expect(extended.lease).toMatchObject({ fence, ttl_ms: 9_000 });
    expect(await queues.finish(t.service, "preview", ada.id, { fence })).toMatchObject({
      status: "finished",
    });
    expect(await queues.claim(t.service, "preview", { worker: "w2" })).toMatchObject({
      id: bob.id,
    });
  });

  test("[P-QUE-5] a claim that is repeated with its id returns the same ticket, and a wrong fence is stale", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues } = t.core;
    await queues.join(t.user("ada"), "preview", {});
    await queues.join(t.user("bob"), "preview", {});
    const first = await queues.claim(t.service, "preview", { worker: "w", claim_id: "c1" });
    const second = await queues.claim(t.service, "preview", { worker: "w", claim_id: "c1" });
    expect(second).toMatchObject({ id: first?.id, lease: { fence: first?.lease.fence } });
    const fence = (first?.lease.fence ?? 0) + 7;
    const id = first?.id ?? "";
    expect(await codeOf(queues.extend(t.service, "preview", id, { fence }))).toBe("stale_lease");
    expect(await codeOf(queues.finish(t.service, "preview", id, { fence }))).toBe("stale_lease");
    expect(await codeOf(queues.finish(t.service, "preview", "none", { fence }))).toBe("not_found");
  });

  test("[P-QUE-6] a ticket that is given back waits at its old place, and one that failed is over", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues } = t.core;
    const ada = await queues.join(t.user("ada"), "preview", {});
    await queues.join(t.user("bob"), "preview", {});
    const claimed = await queues.claim(t.service, "preview", { worker: "w" });
    const fence = claimed?.lease.fence ?? 0;
    const back = await queues.fail(t.service, "preview", ada.id, { fence, give_back: true });
    expect(back).toMatchObject({ status: "waiting", position: 1 });
    const again = await queues.claim(t.service, "preview", { worker: "w" });
    expect(again).toMatchObject({ id: ada.id, attempt: 2 });
    const input = { fence: again?.lease.fence ?? 0, reason: "no disk" };
    expect(await queues.fail(t.service, "preview", ada.id, input)).toMatchObject({
      status: "failed",
      reason: "no disk",
    });
  });

  test("[P-QUE-7] a person leaves the queue, and may not leave while it is served", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues } = t.core;
    const ada = t.user("ada");
    const ticket = await queues.join(ada, "preview", {});
    expect(await queues.own(ada, "preview")).toMatchObject({ id: ticket.id });
    expect(await queues.leave(ada, "preview", ticket.id)).toMatchObject({ status: "left" });
    expect(await queues.own(ada, "preview")).toBeUndefined();
    const next = await queues.join(ada, "preview", {});
    expect(next.id).not.toBe(ticket.id);
    await queues.claim(t.service, "preview", { worker: "w" });
    expect(await codeOf(queues.leave(ada, "preview", next.id))).toBe("not_possible_now");
  });

  test("[P-QUE-8] the capacity and the lanes change at run time, and keep what is not named", async () => {
    await using t = testCore({ queues: [{ ...preview, capacity: 0 }] });
    const { queues } = t.core;
    await queues.join(t.user("ada"), "preview", {});
    expect(await queues.claim(t.service, "preview", { worker: "w" })).toBeUndefined();
    const changed = await queues.configure(t.service, "preview", { capacity: 1 });
    expect(changed).toMatchObject({ capacity: 1, capacity_now: 1, waiting: 1 });
    const { lanes } = await queues.configure(t.service, "preview", { lanes: { paid: 9, free: 2 } });
    expect(lanes).toMatchObject([
      { name: "paid", weight: 9 },
      { name: "free", weight: 2 },
    ]);
    expect(await queues.claim(t.service, "preview", { worker: "w" })).toBeDefined();
    for (const input of [{ capacity: -1 }, { lanes: {} }, { capacity: { times: [] } }]) {
      expect(await codeOf(queues.configure(t.service, "preview", input))).toBe("bad_message");
    }
  });

  test("[P-QUE-9] the view has the waits, services and abandonment by lane and hour", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues } = t.core;
    await queues.join(t.user("ada", { claims: { plan: "paid" } }), "preview", {});
    const bob = await queues.join(t.user("bob"), "preview", {});
    await t.clock.advance(10_000);
    const claimed = await queues.claim(t.service, "preview", { worker: "w" });
    await t.clock.advance(4_000);
    const fence = claimed?.lease.fence ?? 0;
    await queues.finish(t.service, "preview", claimed?.id ?? "", { fence });
    await queues.leave(t.user("bob"), "preview", bob.id);
    const view = await queues.view(t.service, "preview");
    expect(view).toMatchObject({
      waiting: 0,
      running: 0,
      total: { joined: 2, served: 1, finished: 1, left: 1, abandonment: 0.5 },
      by_lane: { paid: { joined: 1, served: 1 }, free: { left: 1 } },
    });
    const { p50_ms: wait } = view.by_lane.paid?.wait ?? { p50_ms: null };
    expect(wait).toBeGreaterThan(8_000);
    expect(wait).toBeLessThan(12_000);
    expect(view.by_lane.paid?.service.count).toBe(1);
    expect(view.hours[0]?.lanes.paid?.served).toBe(1);
  });
});
