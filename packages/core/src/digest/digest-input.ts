import type { Seen } from "@milepost/engine";
import { personalChannel, type SeenReport } from "@milepost/model";
import {
  integerIn,
  isRecord,
  MilepostError,
  parsed,
  parsePosition,
  readBoolean,
  refused,
} from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import { isOperationId } from "../operations/operation-log.ts";

/** Number of positions that one report may have in any case. */
const minPositions = 100;
const prefix = "operation:";
const readTime = integerIn(0, Number.MAX_SAFE_INTEGER);

/** Terms on which a report is read. */
export interface SeenTerms {
  readonly now: number;
  /** Time by which the clocks of nodes may differ, in milliseconds. */
  readonly skewMs: number;
  /** Maximum number of operations in a digest. */
  readonly maxOperations: number;
}

/**
 * Returns what a user has seen, of what came from outside. A time in the future counts as now. Positions are those of
 * operations and of the user's own channel, at most 100 or as many as a digest has. Throws `bad_message` that names the
 * field.
 */
export function readSeen(
  input: SeenReport,
  user: string,
  { now, skewMs, maxOperations }: SeenTerms,
): Seen {
  // A digest has a position for each operation, and one for the user's own channel.
  const maxPositions = Math.max(minPositions, maxOperations + 1);
  const read = orThrow(
    readInput(input, (fields) => ({
      now: fields.optional("now", readBoolean),
      at: fields.optional("at", readTime),
      positions: fields.optional("positions", (value) =>
        isRecord(value) && Object.keys(value).length <= maxPositions
          ? parsed(value)
          : refused("bad_message", `must be an object with at most ${maxPositions} positions`),
      ),
    })),
  );
  if (read.now !== true && read.at === undefined && read.positions === undefined) {
    throw new MilepostError("bad_message", "set now, at or positions");
  }
  const own = personalChannel(user);
  const positions = Object.entries(read.positions ?? {}).map(([channel, text]) => {
    const isOperation = channel.startsWith(prefix) && isOperationId(channel.slice(prefix.length));
    if (channel !== own && !isOperation) {
      throw new MilepostError(
        "bad_message",
        `positions may name operations, such as operation:9, and ${own}`,
      );
    }
    const position = parsePosition(text);
    if (!position.ok) {
      throw new MilepostError(
        "bad_message",
        `positions: the one of ${channel} ${position.failure.message}`,
      );
    }
    const { epoch, offset, tag } = position.value;
    return { channel, epoch, offset, tag, at: now };
  });
  const times = [
    ...(read.now === true ? [now - skewMs] : []),
    ...(read.at === undefined ? [] : [Math.min(read.at, now)]),
  ];
  return { ...(times.length > 0 && { at: Math.max(...times) }), positions };
}
