import { MilepostError } from "@milepost/protocol";

/** Returns the error for an id that belongs to somebody else. */
export function isOwned(id: string): MilepostError {
  return new MilepostError(
    "forbidden",
    `the id ${JSON.stringify(id)} belongs to another author in this channel; publish under an id of your own`,
  );
}
