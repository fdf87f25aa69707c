import { type Client, createClient } from "@milepost/client";
import { type ChannelPresence, channelPresence } from "@milepost/client/presence";
import { type MilepostState, milepost, persistOptions } from "@milepost/zustand";
import { create, type StoreApi, type UseBoundStore } from "zustand";
import { devtools, persist } from "zustand/middleware";

/** Answer of the server to a visitor of a room. */
interface Visit {
  readonly user: string;
  readonly session: string;
  readonly channel: string;
  readonly token: string;
}

/** Store of the page: the chat, and what the visitor is writing. */
export interface Page extends MilepostState {
  readonly draft: string;
  write(draft: string): void;
}

/** Room that the page shows. */
export interface Room {
  readonly name: string;
  readonly user: string;
  readonly channel: string;
  readonly client: Client;
  readonly presence: ChannelPresence;
  readonly usePage: UseBoundStore<StoreApi<Page>>;
}

async function visit(room: string | null, name: string | null): Promise<Visit> {
  const query = new URLSearchParams({ ...(room && { room }), ...(name && { name }) });
  const answer = await fetch(`/chat/visit?${query}`, { method: "POST" });
  if (!answer.ok) throw new Error(((await answer.json()) as { detail: string }).detail);
  return (await answer.json()) as Visit;
}

/** Enters the room that the address names, or a new one; the tab keeps its name and its chat over reloads. */
export async function createRoom(place: Location, kept: Storage): Promise<Room> {
  const asked = new URLSearchParams(place.hash.slice(1));
  const first = await visit(asked.get("room"), asked.get("name") ?? kept.getItem("name"));
  const { user, session, channel } = first;
  kept.setItem("name", user);
  history.replaceState(null, "", `#room=${session}`);
  let token: string | undefined = first.token;
  const client = createClient({
    url: "/ws",
    token: async () => {
      const known = token;
      token = undefined;
      return known ?? (await visit(session, user)).token;
    },
  });
  const usePage = create<Page>()(
    devtools(
      persist(
        milepost(client, (set) => ({ draft: "", write: (draft) => set({ draft }) }), {
          owner: user,
        }),
        persistOptions({
          name: `chat ${session}`,
          owner: user,
          partialize: ({ draft }) => ({ draft }),
        }),
      ),
      { name: "chat" },
    ),
  );
  const presence = channelPresence(client, channel);
  return { name: session, user, channel, client, presence, usePage };
}
