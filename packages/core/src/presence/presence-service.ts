import type { PresenceList } from "@milepost/protocol";
import type { Channels } from "../channels/channels.ts";
import type { Principal } from "../rules/principal.ts";
import type { Presences } from "./presences.ts";

/**
 * Presence of channels, as one principal may use it. A principal that may subscribe to a channel may see who is
 * present, unless the rule gives presence an access of its own.
 */
export class PresenceService {
  readonly #channels: Pick<Channels, "resolve" | "authorise">;
  readonly #presences: Pick<Presences, "list" | "type">;

  constructor(
    channels: Pick<Channels, "resolve" | "authorise">,
    presences: Pick<Presences, "list" | "type">,
  ) {
    this.#channels = channels;
    this.#presences = presences;
  }

  /** Lists who is present; rejects with `not_supported` where the channel's rule does not offer presence. */
  async list(
    principal: Principal,
    channel: string,
  ): Promise<PresenceList & { readonly channel: string }> {
    const resolved = await this.#authorised(principal, channel);
    return { channel, ...(await this.#presences.list(resolved)) };
  }

  /** Sets whether the principal is typing; rejects with `not_subscribed` when it is not present. */
  async type(principal: Principal, channel: string, typing: boolean): Promise<void> {
    await this.#presences.type(await this.#authorised(principal, channel), principal, typing);
  }

  async #authorised(principal: Principal, channel: string) {
    const resolved = this.#channels.resolve(channel);
    await this.#channels.authorise(principal, resolved, "subscribe");
    await this.#channels.authorise(principal, resolved, "presence");
    return resolved;
  }
}
