import type { Revocation, Revocations } from "@milepost/engine";
import { ManualClock } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { UserPrincipal } from "../rules/principal.ts";
import { Admission } from "./admission.ts";
import { RevocationCache } from "./revocation-cache.ts";

const clock = new ManualClock();
const noSessions = {
  check: async (principal: UserPrincipal) => principal,
  open: () => Promise.reject(new Error("no sessions")),
};

function user(name: string): UserPrincipal {
  return {
    kind: "user",
    user: name,
    session: undefined,
    grants: { subscribe: [], publish: [] },
    expiresAt: undefined,
  };
}

/** Store whose pages hold one revocation each, and whose reads are answered only by {@link answer}. */
class PagedStore implements Revocations {
  readonly #users: string[];
  readonly #reads: ((fails: boolean) => void)[] = [];

  constructor(...users: string[]) {
    this.#users = users;
  }

  async add(revocation: Revocation): Promise<void> {
    this.#users.push(revocation.id);
  }

  async read(cursor = "0") {
    const page = this.#users.slice(Number(cursor), Number(cursor) + 1);
    const fails = await new Promise<boolean>((resolve) => this.#reads.push(resolve));
    if (fails) throw new MilepostError("store_unavailable", "the store does not answer");
    const until = clock.now() + 3_600_000;
    return {
      revocations: page.map((id) => ({ of: "user" as const, id, at: clock.now(), until })),
      cursor: String(Number(cursor) + page.length),
    };
  }

  /** Answers the oldest waiting read with a page or a failure, and resolves once the resulting work is done. */
  async answer(how: "page" | "failure" = "page"): Promise<void> {
    this.#reads.shift()?.(how === "failure");
    await clock.settle();
  }
}

describe("revocations of several pages", () => {
  test("[G10] no token waits forever for its admission, even if another token arrives during every read of the revocations", async () => {
    const store = new PagedStore("bob");
    const admission = new Admission(
      async () => user("ada"),
      new RevocationCache(store, clock),
      noSessions,
    );
    const admitted: number[] = [];
    for (let n = 0; n < 6; n++) {
      void Promise.resolve(admission.verifyToken("token")).then(() => admitted.push(n));
      await clock.settle();
      await store.answer();
    }
    expect(admitted.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("[G10] [P-CONN-5] a revoked token is refused while the node is still reading the revocations for the first time", async () => {
    const store = new PagedStore("bob", "ada");
    const admission = new Admission(
      async () => user("ada"),
      new RevocationCache(store, clock),
      noSessions,
    );
    const first = Promise.resolve(admission.verifyToken("token")).catch((error: unknown) => error);
    await clock.settle();
    await store.answer();
    const second = Promise.resolve(admission.verifyToken("token")).catch((error: unknown) => error);
    for (let page = 0; page < 3; page++) await store.answer();
    for (const refused of [first, second]) {
      expect(await refused).toMatchObject({ code: "token_revoked" });
    }
  });

  test("[G10] a refresh reports the revocations that an earlier refresh read before it failed", async () => {
    const store = new PagedStore("ada");
    const cache = new RevocationCache(store, clock);
    const failed = cache.refresh().catch((error: unknown) => error);
    await store.answer();
    await store.answer("failure");
    expect(await failed).toMatchObject({ code: "store_unavailable" });
    const found = cache.refresh();
    await store.answer();
    expect(await found).toBe(true);
    const again = cache.refresh();
    await store.answer();
    expect(await again).toBe(false);
  });
});

describe("what a revocation takes", () => {
  const at = clock.now() + 1_000;

  /** Cache that knows these revocations. */
  async function cacheOf(...revocations: Revocation[]): Promise<RevocationCache> {
    let isRead = false;
    const store: Revocations = {
      add: async () => {},
      read: async () => {
        const page = isRead ? [] : revocations;
        isRead = true;
        return { revocations: page, cursor: "1" };
      },
    };
    const cache = new RevocationCache(store, clock);
    await cache.refresh();
    return cache;
  }

  const revoked = (rest: Partial<Revocation> = {}): Revocation => ({
    ...{ of: "user", id: "ada", at, until: at + 60_000 },
    ...rest,
  });
  const isRefused = (cache: RevocationCache, principal: UserPrincipal) => {
    try {
      cache.narrowed(principal);
      return false;
    } catch (error) {
      return (error as MilepostError).code === "token_revoked";
    }
  };

  test.each([
    ["before the revocation", true, at - 1],
    ["in the very millisecond of the revocation", true, at],
    ["after the revocation", false, at + 1],
    ["at a time that it does not name", true, undefined],
  ] as const)(
    "[G10] [P-CONN-5] for a token that was issued %s, it is %s that it is revoked",
    async (_, taken, issuedAt) => {
      const cache = await cacheOf(revoked());
      const principal = { ...user("ada"), ...(issuedAt !== undefined && { issuedAt }) };
      expect(isRefused(cache, principal)).toBe(taken);
      expect(isRefused(cache, { ...principal, user: "bob" })).toBe(false);
    },
  );

  test("[P-CONN-5] a revocation ends at its time, and a longer one is not covered by a shorter one", async () => {
    const short = revoked({ at: at + 5, until: clock.now() });
    expect(isRefused(await cacheOf(short), user("ada"))).toBe(false);
    expect(isRefused(await cacheOf(short, revoked()), user("ada"))).toBe(true);
  });

  test("[G10] a later revocation is not covered by an earlier one that lasts longer", async () => {
    const cache = await cacheOf(revoked({ until: at + 600_000 }), revoked({ at: at + 500 }));
    expect(isRefused(cache, { ...user("ada"), issuedAt: at + 400 })).toBe(true);
  });

  test("[P-CONN-6] two revocations of grants take the grants of both", async () => {
    const cache = await cacheOf(revoked({ grants: ["a:*"] }), revoked({ grants: ["b:*"] }));
    const grants = { subscribe: ["a:*", "b:*", "c:*"], publish: ["b:*"] };
    expect(cache.narrowed({ ...user("ada"), grants }).grants).toEqual({
      subscribe: ["c:*"],
      publish: [],
    });
  });

  test("[G10] a revocation that arrives while the revocations are read is found by that read", async () => {
    const store = new PagedStore();
    const cache = new RevocationCache(store, clock);
    const first = cache.refresh();
    // The answer to the read that is under way does not have the revocation yet.
    await store.answer();
    const second = cache.refresh();
    await store.add(revoked());
    const third = cache.refresh();
    for (let page = 0; page < 4; page++) await store.answer();
    await Promise.all([first, second, third]);
    expect(isRefused(cache, user("ada"))).toBe(true);
  });
});
