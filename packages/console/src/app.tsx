import { useCallback, useState } from "react";
import { ChannelsPage } from "./channels/channels-page.tsx";
import { ConnectionsPage } from "./connections/connections-page.tsx";
import { DeadLettersPage } from "./dead-letters/dead-letters-page.tsx";
import { LimitsPage } from "./limits/limits-page.tsx";
import { NodesPage } from "./nodes/nodes-page.tsx";
import { OperationsPage } from "./operations/operations-page.tsx";
import { OverviewPage } from "./overview/overview-page.tsx";
import { Masthead } from "./parts/masthead.tsx";
import { type PageName, usePage } from "./parts/use-page.ts";
import { QueuesPage } from "./queues/queues-page.tsx";
import { ReachingPage } from "./reaching/reaching-page.tsx";
import { RulesPage } from "./rules/rules-page.tsx";
import type { ConsoleSession } from "./session/console-session.ts";
import { SessionContext } from "./session/session-context.ts";
import { SignIn } from "./session/sign-in.tsx";

const pages: Readonly<Record<PageName, () => React.ReactNode>> = {
  overview: OverviewPage,
  nodes: NodesPage,
  connections: ConnectionsPage,
  channels: ChannelsPage,
  operations: OperationsPage,
  queues: QueuesPage,
  "dead-letters": DeadLettersPage,
  webhooks: ReachingPage,
  rules: RulesPage,
  limits: LimitsPage,
};

/** The console: the form for the API key, and then its pages. */
export function App() {
  const [session, setSession] = useState<ConsoleSession>();
  const [hasEnded, setEnded] = useState(false);
  const page = usePage();
  const onEnded = useCallback(() => {
    setSession(undefined);
    setEnded(true);
  }, []);
  if (session === undefined) {
    return <SignIn hasEnded={hasEnded} onOpen={setSession} onEnded={onEnded} />;
  }
  const Page = pages[page];
  return (
    <SessionContext.Provider value={session}>
      <Masthead
        page={page}
        name={session.name}
        onSignOut={() => {
          setSession(undefined);
          setEnded(false);
        }}
      />
      <main id="content" className="desk" tabIndex={-1}>
        <Page />
      </main>
    </SessionContext.Provider>
  );
}
