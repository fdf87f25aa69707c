import { createContext, useContext } from "react";
import type { ConsoleSession } from "./console-session.ts";

/** Session of the pages below it. */
export const SessionContext = createContext<ConsoleSession | undefined>(undefined);

/** Returns the session; throws outside of one. */
export function useSession(): ConsoleSession {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("this page needs a session");
  return session;
}
