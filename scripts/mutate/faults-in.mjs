/** @import { Mutant } from "./mutant.mjs" */

/**
 * Mutants of one file. Each fault is its text, the text that takes its place, what it does, and, for a fault that nothing
 * outside can tell from the code, why.
 *
 * @param {string} file
 * @param {readonly (readonly [find: string, replace: string, why: string, equivalent?: string])[]} faults
 * @returns {Mutant[]}
 */
export function faultsIn(file, faults) {
  return faults.map(([find, replace, why, equivalent]) => ({
    ...{ file, find, replace, why },
    ...(equivalent !== undefined && { equivalent }),
  }));
}
