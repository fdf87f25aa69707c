const stringOrComment = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const stringOrLastComma = /"(?:[^"\\\n]|\\.)*"|,(?=[ \t\r\n]*[}\]])/g;

/**
 * Returns JSON text without its comments and without commas before a closing bracket. Spaces take their place, so every
 * other character keeps its line and column. Text in quotes stays as it is.
 */
export function withoutComments(text: string): string {
  return text
    .replaceAll(stringOrComment, (part) => (part.startsWith('"') ? part : blank(part)))
    .replaceAll(stringOrLastComma, (part) => (part === "," ? " " : part));
}

function blank(comment: string): string {
  return comment.replaceAll(/[^\r\n]/g, " ");
}
