import { connectionMutants } from "./connection-mutants.ts";
import { deliveryMutants } from "./delivery-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { resumeMutants } from "./resume-mutants.ts";
import { storeMutants } from "./store-mutants.ts";

/** All mutants; the checker must find each of them. */
export const mutants: readonly Mutant[] = [
  ...deliveryMutants,
  ...resumeMutants,
  ...storeMutants,
  ...connectionMutants,
];
