const token = (source: string) => new RegExp(`(?:${source})[ \\t\\n\\r]*`, "y");

const nothing = token("");
const comma = token(",");
const colon = token(":");
const brackets = {
  object: [token("\\{"), token("\\}")],
  array: [token("\\["), token("\\]")],
} as const;
const string = token('"(?:[^"\\\\\\u0000-\\u001f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"');
const word = token("-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null");

/**
 * Returns the line and column where a text stops being JSON, counted from 1; undefined when it is valid JSON.
 *
 * The messages of JSON parsers are no substitute: not all give a position, and they quote the text, which may
 * hold a secret.
 */
export function jsonFaultIn(
  text: string,
): { readonly line: number; readonly column: number } | undefined {
  let at = 0;
  const take = (wanted: RegExp): boolean => {
    wanted.lastIndex = at;
    if (!wanted.test(text)) return false;
    at = wanted.lastIndex;
    return true;
  };
  const list = ([open, close]: readonly [RegExp, RegExp], takeItem: () => boolean) => {
    if (!take(open)) return undefined;
    if (take(close)) return true;
    do {
      if (!takeItem()) return false;
    } while (take(comma));
    return take(close);
  };
  const takeMember = () => take(string) && take(colon) && takeValue();
  const takeValue = (): boolean =>
    list(brackets.object, takeMember) ??
    list(brackets.array, takeValue) ??
    (take(string) || take(word));

  take(nothing);
  if (takeValue() && at === text.length) return undefined;
  const lines = text.slice(0, at).split("\n");
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}
