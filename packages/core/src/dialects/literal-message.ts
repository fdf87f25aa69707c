import type { MessageId, ParsedMessage, PublishMessage } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";

/** Channel that a client subscribes to, as a translator sees it. */
export interface JoinedChannel {
  readonly channel: string;
  /** True if the channel's rule keeps the state of a chat. */
  readonly isChat: boolean;
}

/** Facts that a translator may know of the client that sent a message. */
export interface BareClient {
  readonly principal: Principal;
  readonly joined: readonly JoinedChannel[];
}

/** Says that the client's member types in a channel, or stops typing. */
export interface TypingMessage {
  readonly type: "typing";
  readonly id?: MessageId;
  readonly channel: string;
  readonly typing: boolean;
}

/** Message that the translation of a literal message may result in. */
export type TranslatedMessage = PublishMessage | TypingMessage;

/** Translation of a literal message, or the failure that answers it. */
export type Translated =
  | { readonly ok: true; readonly value: TranslatedMessage }
  | Extract<ParsedMessage, { readonly ok: false }>;

/**
 * Message of a bare client whose meaning depends on what the client has joined. It is translated in its turn, after the
 * messages before it took effect.
 */
export interface LiteralMessage {
  readonly type: "literal";
  readonly id?: MessageId;
  /** Returns the message in the core's own words. Has no side effect and never throws. */
  translate(client: BareClient): Translated;
}

/** Message of a client as the core handles it: one of the protocol, one of a bare client, or a refusal. */
export type Incoming = ParsedMessage | { readonly ok: true; readonly value: LiteralMessage };

/**
 * Reads one literal message, whose `type` is known to be the reader's own. Returns a message of the protocol where the
 * meaning depends on nothing else.
 */
export type LiteralReader = (message: Readonly<Record<string, unknown>>) => Incoming;
