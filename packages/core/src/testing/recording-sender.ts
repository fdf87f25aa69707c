import type { BrowserSubscription, PushMessage, ReachSender, SendOutcome } from "../index.ts";

/** Message or call that a {@link RecordingSender} was asked to send. */
export interface SentMessage {
  /** Endpoint of the push subscription, or address of the webhook. */
  readonly to: string;
  readonly message: Readonly<Record<string, unknown>>;
}

/** Sender that keeps what it would send, and answers as the test says. */
export class RecordingSender implements ReachSender {
  readonly pushKey = "public-key";
  readonly callsWebhooks = true;
  readonly sent: SentMessage[] = [];
  /** Outcome of the next attempts. */
  answer: (to: string) => SendOutcome | Promise<SendOutcome> = () => ({ kind: "sent" });

  /** Returns what was sent since the last call. */
  take(): readonly SentMessage[] {
    return this.sent.splice(0);
  }

  refusalOf(url: string): string | undefined {
    return url.startsWith("https://") ? undefined : "must be an https: address";
  }

  refusalOfKeys({ keys }: BrowserSubscription): string | undefined {
    return keys.auth === "bad" ? "keys.auth must be 16 bytes in base64url" : undefined;
  }

  secretOf(webhookId: string): string {
    return `secret of ${webhookId}`;
  }

  async push({ endpoint }: BrowserSubscription, { text }: PushMessage): Promise<SendOutcome> {
    this.sent.push({ to: endpoint, message: JSON.parse(text) });
    return this.answer(endpoint);
  }

  async post({ url }: { readonly url: string }, event: string): Promise<SendOutcome> {
    this.sent.push({ to: url, message: JSON.parse(event) });
    return this.answer(url);
  }
}
