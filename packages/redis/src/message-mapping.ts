/** Mapping of the messages of Redis `PUBLISH` to publications. */
export interface MessageMapping {
  /** Pattern of the Redis channels, in which each `*` stands for any text. */
  readonly subscribe: string;
  /**
   * Channel to publish to. `{1}` is the text of the pattern's first `*`, and `{name}` the field `name` of the message, which
   * is then a JSON object with a text, a number or a boolean in it.
   */
  readonly channel: string;
  /** Event name, with the same places; default `message`. */
  readonly event?: string;
  /** Field of the message that is the data of the publication; default the whole message, as it was sent. */
  readonly data?: string;
  /** Dedupe key, with the same places. Default: each message is another publication. */
  readonly key?: string;
}

/** Places of a template, as `{1}` or `{session_id}`. */
const place = /\{([A-Za-z0-9_]{1,64})\}/g;

/**
 * Returns a function that turns a message into the fields of a publication. A field whose template has a place that the
 * message does not fill is left out; the publication then fails with a reason that names the field.
 */
export function messageMapper({
  subscribe,
  channel,
  event = "message",
  data,
  key,
}: MessageMapping): (name: string, text: string) => Readonly<Record<string, string>> {
  const templates = Object.entries({ channel, event, ...(key === undefined ? {} : { key }) });
  const usesFields =
    data !== undefined ||
    templates.some(([, template]) => [...template.matchAll(place)].some(([, at]) => !isNumber(at)));
  const parts = subscribe.split("*");
  return (name, text) => {
    const texts = textsOf(name, parts);
    const message = usesFields ? objectOf(text) : {};
    const fields: Record<string, string> = {};
    for (const [field, template] of templates) {
      const filled = fill(template, texts, message);
      if (filled !== undefined) fields[field] = filled;
    }
    if (data === undefined) fields.data = text;
    else if (Object.hasOwn(message, data)) fields.data = JSON.stringify(message[data]);
    return fields;
  };
}

function fill(
  template: string,
  texts: readonly string[],
  message: Readonly<Record<string, unknown>>,
): string | undefined {
  let isFilled = true;
  const filled = template.replaceAll(place, (_, at: string) => {
    const value = isNumber(at) ? texts[Number(at) - 1] : Object.hasOwn(message, at) && message[at];
    if (typeof value === "string" || typeof value === "number") return String(value);
    if (typeof value === "boolean" && !isNumber(at) && Object.hasOwn(message, at)) {
      return String(value);
    }
    isFilled = false;
    return "";
  });
  return isFilled ? filled : undefined;
}

/** Returns the texts of the pattern's stars; each but the last as short as possible. */
function textsOf(name: string, parts: readonly string[]): readonly string[] {
  const texts: string[] = [];
  let from = parts[0]?.length ?? 0;
  for (const [n, part] of parts.entries()) {
    if (n === 0) continue;
    const isLast = n === parts.length - 1;
    const at = isLast ? name.length - part.length : name.indexOf(part, from);
    texts.push(name.slice(from, Math.max(from, at)));
    from = Math.max(from, at) + part.length;
  }
  return texts;
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

function isNumber(at: string | undefined): boolean {
  return at !== undefined && /^[1-9]$/.test(at);
}
