import type { z } from "zod";

/** Describes a schema issue in one line that names the field: `events.0.event must be a string`. */
export function describeIssue(issue: z.core.$ZodIssue, root: unknown, rootName: string): string {
  const field = issue.path.length === 0 ? rootName : issue.path.map(String).join(".");
  switch (issue.code) {
    case "invalid_type":
      return valueAt(root, issue.path) === undefined
        ? `${field} is missing`
        : `${field} must be ${withArticle(issue.expected)}`;
    case "invalid_value":
      return `${field} must be one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_small":
      return `${field} must be ${bound("at least", issue.minimum, issue.origin)}`;
    case "too_big":
      return `${field} must be ${bound("at most", issue.maximum, issue.origin)}`;
    case "unrecognized_keys":
      return `${field} has unknown fields: ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`;
    case "custom":
    case "invalid_format":
      return `${field} ${issue.message}`;
    default:
      return `${field} is not valid: ${issue.message}`;
  }
}

function bound(words: string, limit: number | bigint, origin: string): string {
  if (origin === "string") return `${words} ${limit} characters long`;
  if (origin === "array") return `a list of ${words} ${limit}`;
  return `${words} ${limit}`;
}

function withArticle(type: string): string {
  if (type === "int") return "an integer";
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
