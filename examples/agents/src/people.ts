import { randomBytes } from "node:crypto";
import { MilepostError } from "@milepost/protocol";

const maxPeople = 10_000;
const maxReleases = 20;

/** People of the release desk, each with a secret that its browser keeps. */
export class People {
  readonly #users = new Map<string, string>();
  readonly #releases = new Map<string, number>();

  /** Begins a person and returns its credential. */
  begin(): string {
    const credential = randomBytes(24).toString("base64url");
    const user = `person-${randomBytes(6).toString("hex")}`;
    this.#users.set(credential, user);
    const [oldest] = this.#users;
    if (this.#users.size > maxPeople && oldest !== undefined) {
      this.#users.delete(oldest[0]);
      this.#releases.delete(oldest[1]);
    }
    return credential;
  }

  /** Returns the user with this credential; throws `unauthenticated` if there is none. */
  of(credential: unknown): string {
    const user = typeof credential === "string" ? this.#users.get(credential) : undefined;
    if (user !== undefined) return user;
    throw new MilepostError(
      "unauthenticated",
      "the person is unknown; begin one with POST /api/people",
    );
  }

  /** Counts a release; throws `rate_limited` for a person with too many. */
  count(user: string): void {
    const releases = (this.#releases.get(user) ?? 0) + 1;
    if (releases > maxReleases) {
      throw new MilepostError("rate_limited", `a person may release ${maxReleases} times`);
    }
    this.#releases.set(user, releases);
  }
}
