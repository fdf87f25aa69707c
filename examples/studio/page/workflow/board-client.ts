import { createClient } from "@milepost/client";
import type { DocumentClient } from "@milepost/yjs";
import { backendUrl } from "../backend.ts";

const key = "milepost:board";
const marginMs = 60_000;

interface Guest {
  readonly token: string;
  readonly expires_at: number;
}

/** Creates the client of the shared workflow. Each tab is a guest of its own there, who may edit it like everyone else. */
export function createBoardClient(): DocumentClient {
  return createClient({ url: backendUrl, token: guestToken });
}

/** Returns the token of this tab's guest, also after a reload. */
async function guestToken(): Promise<string> {
  const stored = JSON.parse(sessionStorage.getItem(key) ?? "null") as Guest | null;
  if (stored !== null && stored.expires_at > Date.now() + marginMs) return stored.token;
  const response = await fetch(`${backendUrl}/v1/guests`, { method: "POST" });
  if (!response.ok) throw new Error(`the gateway made no guest: ${response.status}`);
  const guest = (await response.json()) as Guest;
  sessionStorage.setItem(key, JSON.stringify(guest));
  return guest.token;
}
