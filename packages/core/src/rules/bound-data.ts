import { findLoss, isRecord, MilepostError } from "@milepost/protocol";
import { fieldAt } from "./claims.ts";
import type { Principal, UserPrincipal } from "./principal.ts";
import type { Rule } from "./rule.ts";

const form = /^\{(.{1,200})\}$/;

/** Names in a binding that stand for the publisher itself; every other name is that of a claim. */
const ownNames: Readonly<Record<string, (publisher: UserPrincipal) => unknown>> = {
  sub: ({ user }) => user,
  sid: ({ session }) => session,
  guest: ({ guest }) => guest,
};

/** Returns the name in a binding such as `{sub}`; undefined for any other text. */
export function boundName(text: string): string | undefined {
  return form.exec(text)?.[1];
}

/** Returns the claims that the bindings of a rule use. */
export function boundClaims({ bind = {} }: Pick<Rule, "bind">): readonly string[] {
  return Object.values(bind).flatMap((text) => {
    const name = boundName(text);
    return name === undefined || Object.hasOwn(ownNames, name) ? [] : [name];
  });
}

/**
 * Throws `forbidden` unless each bound field of the data has the value that it is bound to. Throws `bad_message` for
 * data that readers could understand in two ways, such as a field that is there twice. A service is bound to nothing.
 */
export function requireBound(
  { bind }: Pick<Rule, "bind">,
  publisher: Principal,
  json: string,
): void {
  if (bind === undefined || publisher.kind === "service") return;
  const loss = findLoss(json, "data");
  if (loss !== undefined) throw new MilepostError("bad_message", loss);
  const data: unknown = JSON.parse(json);
  for (const [path, text] of Object.entries(bind)) {
    const name = boundName(text) ?? "";
    const own = Object.hasOwn(ownNames, name)
      ? ownNames[name]?.(publisher)
      : publisher.claims?.[name];
    const found = isRecord(data) ? fieldAt(data, path) : undefined;
    const isBound = Array.isArray(own) ? own.includes(found) : own !== undefined && own === found;
    if (found !== undefined && isBound) continue;
    throw new MilepostError(
      "forbidden",
      `data.${path} must be the publisher's ${name}, because the channel's rule binds it`,
    );
  }
}
