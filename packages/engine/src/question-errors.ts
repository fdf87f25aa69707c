import { MilepostError } from "@milepost/protocol";

/** Returns the error for a question of an operation that has as many open ones as it may. */
export function tooManyOpenQuestions(max: number): MilepostError {
  return new MilepostError(
    "rate_limited",
    `the operation has ${max} open questions already; wait until one is answered`,
  );
}

/** Returns the error for a question that finds the store full of open ones. */
export function noRoomForQuestion(): MilepostError {
  return new MilepostError(
    "store_full",
    "the store holds as many open questions as it may; retry when some are answered",
  );
}
