import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../workspaces.mjs";

/**
 * A fault of one line, put into the code on purpose. The tests must notice it.
 *
 * @typedef {object} Mutant
 * @property {string} file the file, from the root
 * @property {string} find text that occurs in the file exactly once
 * @property {string} replace the text that takes its place
 * @property {string} why what the fault does, as a statement
 * @property {string} [equivalent] why nothing outside can tell the fault from the code; such a mutant is not run
 */

/**
 * Tests that are run before those of the whole package.
 *
 * @typedef {object} Near
 * @property {string} file path of a test, from the root
 * @property {string} [title] pattern of the titles to run
 */

/**
 * @typedef {object} MutantList
 * @property {string} subject
 * @property {readonly Near[]} [near]
 * @property {readonly Mutant[]} mutants
 */

/**
 * Returns the number of the line where the mutant's text begins, and the file with the fault in it. Throws if the text is
 * not there or is there more than once: then the code has changed, and the list must follow it.
 *
 * @param {Mutant} mutant
 * @param {string} [folder] the root of the tree
 */
export function withFault({ file, find, replace }, folder = root) {
  const text = readFileSync(join(folder, file), "utf8");
  const at = text.indexOf(find);
  if (at < 0) throw new Error(`stale: ${file} has no ${JSON.stringify(find)}`);
  if (text.includes(find, at + 1)) {
    throw new Error(`ambiguous: ${file} has ${JSON.stringify(find)} more than once`);
  }
  return {
    line: text.slice(0, at).split("\n").length,
    text: text.slice(0, at) + replace + text.slice(at + find.length),
  };
}
