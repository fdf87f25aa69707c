/**
 * Points of a run at which its time left is estimated, and later compared with the actual time: its creation, and the
 * percentages it passes.
 * The index of a mark is part of what the store holds.
 */
export const marks = ["created", 0, 10, 25, 50, 75, 90] as const;

/** Index of a mark in {@link marks}. */
export type Mark = number;

export const markOfCreation: Mark = 0;
export const markOfStart: Mark = 1;

/** Returns the last mark that a run of this percentage has passed. */
export function markAt(percent: number): Mark {
  let mark = markOfStart;
  while (mark + 1 < marks.length && percent >= Number(marks[mark + 1])) mark++;
  return mark;
}
