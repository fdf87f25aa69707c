import type { ChannelLog, Clock, Engine } from "@milepost/engine";
import { formatPosition, MilepostError, parseReadableName } from "@milepost/protocol";
import { endingOf } from "../channels/ending-of.ts";
import type { Hub, OpenChannel } from "../hub/hub.ts";
import { orThrow } from "../input/input.ts";
import { operationChannel } from "../operations/operation-log.ts";
import { explainIn, placeOf, unreachableIn } from "../rules/explain-channel.ts";
import type { Principal } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import { FirstNames } from "./first-names.ts";
import type {
  ChannelInsight,
  Insight,
  LimitReport,
  OpenChannelFilter,
  OpenChannelPage,
  OperationHolder,
  RuleExplanation,
  RuleList,
} from "./insight-api.ts";
import type { RecentLimits } from "./recent-limits.ts";

const listed = 100;
const maxListed = 1_000;

/** Parts of the node that {@link InsightService} uses. */
export interface InsightParts {
  readonly node: string;
  readonly hub: Pick<Hub, "open" | "readersOf">;
  readonly log: Pick<ChannelLog, "peek" | "read">;
  readonly engine: Pick<Engine, "leases" | "operations">;
  readonly rules: RuleBook;
  readonly clock: Clock;
  readonly limits: CoreLimits;
  readonly limited: RecentLimits;
}

/** Looks into the node on behalf of principals. */
export class InsightService implements Insight {
  readonly #parts: InsightParts;

  constructor(parts: InsightParts) {
    this.#parts = parts;
  }

  channels(principal: Principal, filter: OpenChannelFilter = {}): OpenChannelPage {
    requireService(principal, "inspect");
    const { prefix = "", after, limit = listed } = filter;
    if (!Number.isInteger(limit) || limit < 1 || limit > maxListed) {
      throw new MilepostError("bad_message", `limit must be an integer from 1 to ${maxListed}`);
    }
    const { hub, node } = this.#parts;
    // One more than the page shows whether there is a next page.
    const first = new FirstNames<OpenChannel>(limit + 1);
    let total = 0;
    for (const open of hub.open()) {
      if (!open.channel.startsWith(prefix)) continue;
      total++;
      if (after === undefined || open.channel > after) first.add(open);
    }
    const page = first.items.slice(0, limit);
    const last = page.at(-1);
    return {
      node,
      channels: page.map(({ channel, readers, last: newest }) => ({
        channel,
        readers,
        ...(newest === undefined ? {} : { position: formatPosition(newest) }),
      })),
      total,
      ...(first.items.length > page.length && last !== undefined ? { next: last.channel } : {}),
    };
  }

  async channel(principal: Principal, channel: string): Promise<ChannelInsight> {
    requireService(principal, "inspect");
    const { rules, hub, log, node } = this.#parts;
    const { name, policy } = rules.of(orThrow(parseReadableName(channel)));
    const found = await log.peek(name, policy);
    // A read would begin a log that does not exist.
    const slice =
      found === undefined ? undefined : await log.read(name, found.position.offset, 1, policy);
    const end = slice?.end ?? found?.end;
    const { maxEntries, maxAgeMs, maxBytes, projection } = policy;
    return {
      channel: name,
      node,
      readers: hub.readersOf(name),
      ...(slice === undefined ? {} : { position: formatPosition(slice.head) }),
      entries: slice === undefined ? 0 : slice.head.offset - slice.floor.offset,
      appended: slice?.head.offset ?? 0,
      ...(end === undefined ? {} : { ended: { at: end.ts, reason: endingOf(end).reason } }),
      ...(projection === undefined ? {} : { projection }),
      retention: {
        max_entries: maxEntries,
        max_age_ms: maxAgeMs,
        ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
      },
      rule: explainIn(rules, name).place,
    };
  }

  rules(principal: Principal): RuleList {
    requireService(principal, "inspect");
    const { rules: all } = this.#parts.rules;
    const hidden = unreachableIn(all);
    return {
      rules: all.map((placed) => {
        const place = placeOf(placed);
        const by = hidden.find(
          ({ origin, index }) => origin === place.origin && index === place.index,
        )?.by;
        return { ...place, ...(by === undefined ? {} : { unreachable_by: by }) };
      }),
    };
  }

  explain(principal: Principal, channel: string): RuleExplanation {
    requireService(principal, "inspect");
    const { rule, place, captures, tried, rollUp, unreadable } = explainIn(
      this.#parts.rules,
      channel,
    );
    const { schema: _, ...told } = rule;
    return {
      channel,
      holds: place,
      rule: JSON.parse(JSON.stringify(told)),
      captures: { ...captures },
      tried,
      ...(rollUp === undefined ? {} : { roll_up: rollUp }),
      ...(unreadable === undefined ? {} : { unreadable }),
    };
  }

  limits(principal: Principal): LimitReport {
    requireService(principal, "inspect");
    const { node, limits, limited } = this.#parts;
    return { node, limits, limited: limited.all };
  }

  async holder(principal: Principal, operationId: string): Promise<OperationHolder> {
    requireService(principal, "inspect");
    const { engine, clock } = this.#parts;
    const [indexed, lease] = await Promise.all([
      engine.operations.get(operationId),
      engine.leases.get(operationChannel(operationId)),
    ]);
    if (indexed === undefined && lease === undefined) {
      throw new MilepostError("not_found", "there is no operation with this id");
    }
    return {
      operation_id: operationId,
      ...(indexed === undefined ? {} : { service: indexed.service }),
      ...(indexed?.node === undefined ? {} : { node: indexed.node }),
      ...(lease === undefined
        ? {}
        : {
            lease: {
              ...(lease.holder === undefined ? {} : { holder: lease.holder }),
              held: lease.expiresAt > clock.now(),
              fence: lease.fence,
              since: lease.since,
              last_sign_at: lease.expiresAt - lease.ttlMs,
              expires_at: lease.expiresAt,
              ttl_ms: lease.ttlMs,
            },
          }),
    };
  }
}
