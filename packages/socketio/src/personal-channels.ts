import { encodeId, isReadableName, type WelcomeMessage } from "@milepost/protocol";

/** Channels that one person reads. */
export interface PersonalChannels {
  /** Channels of the person; a connection without them is of no use. */
  readonly own: readonly string[];
  /** Channels that the person may read or not. */
  readonly others: readonly string[];
}

/** Segments of the person's own channels, by variable. */
type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Returns the channels of the person whom the gateway welcomed: of the user and the session, or of the guest, and those
 * that `templates` name. A template with a variable that the person does not have is left out.
 */
export function personalChannels(
  welcome: WelcomeMessage,
  templates: readonly string[],
): PersonalChannels {
  const { user_id: user, session_id: session, guest_id: guest } = welcome;
  const variables: Variables = {
    user: user === null ? undefined : encodeId(user),
    session: session === null ? undefined : encodeId(session),
    guest,
  };
  const own = Object.entries(variables).flatMap(([kind, id]) =>
    id === undefined ? [] : [`${kind}:${id}`],
  );
  const others = templates.flatMap((template) => filled(template, variables) ?? []);
  return { own, others: [...new Set(others)].filter((channel) => !own.includes(channel)) };
}

/** Throws a TypeError for a template that can never be a channel. */
export function requireTemplates(templates: readonly string[]): void {
  const sample: Variables = { user: "u", session: "s", guest: "g" };
  for (const template of templates) {
    if (filled(template, sample) !== undefined) continue;
    throw new TypeError(
      `channels: ${JSON.stringify(template)} is no channel; use names such as system:news, with {user}, {session} or {guest}`,
    );
  }
}

function filled(template: string, variables: Variables): string | undefined {
  let isComplete = true;
  const name = template.replace(/\{([a-z]+)\}/g, (_, variable: string) => {
    const value = variables[variable];
    if (value === undefined) isComplete = false;
    return value ?? "";
  });
  return isComplete && isReadableName(name) ? name : undefined;
}
