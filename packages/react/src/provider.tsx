"use client";
import {
  type AnyContract,
  type Client,
  type ClientOptions,
  type Contract,
  createClient,
  type TokenSource,
} from "@milepost/client";
import { MilepostError } from "@milepost/protocol";
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { PageClaims } from "./page-claims.ts";

// One context serves all contracts; the caller of `useClient<C>()` names the contract.
const ClientContext = createContext<Client | undefined>(undefined);
const ClaimsContext = createContext(new PageClaims());

/**
 * Props of {@link MilepostProvider}: either a client of your own, which you close, or the options of a client,
 * which the provider creates and closes.
 */
export type MilepostProviderProps<C extends Contract = AnyContract> =
  | { readonly client: Client<C>; readonly children?: ReactNode }
  | (ClientOptions & { readonly client?: undefined; readonly children?: ReactNode });

/**
 * Provides a client to the hooks in the components below it.
 *
 * With `url` it creates a client, connects it on mount and closes it on unmount. When `url` changes, it creates
 * another client. A changed `token` is used for the next connect. A changed `onError` is used at once, if the
 * first render had an `onError`. Changes of other options are ignored. Nothing connects while rendering on a
 * server.
 */
export function MilepostProvider<C extends Contract = AnyContract>(
  props: MilepostProviderProps<C>,
): ReactNode {
  if (props.client !== undefined) {
    return <Provided client={props.client as unknown as Client}>{props.children}</Provided>;
  }
  const { children, client: _, ...options } = props;
  return (
    <OwnClient key={options.url} options={options}>
      {children}
    </OwnClient>
  );
}

function Provided({ client, children }: { client: Client; children: ReactNode }): ReactNode {
  const [claims] = useState(() => new PageClaims());
  return (
    <ClientContext.Provider value={client}>
      <ClaimsContext.Provider value={claims}>{children}</ClaimsContext.Provider>
    </ClientContext.Provider>
  );
}

function OwnClient({
  options,
  children,
}: {
  options: ClientOptions;
  children: ReactNode;
}): ReactNode {
  const latest = useRef(options);
  latest.current = options;
  const [client] = useState(() =>
    createHere({
      ...options,
      // The client reads this for each attempt, because a later render may bring a token or another one.
      get token() {
        const { token } = latest.current;
        return token === undefined ? undefined : () => readToken(latest.current.token ?? token);
      },
      ...(options.onError !== undefined && {
        onError: (error: unknown) => latest.current.onError?.(error),
      }),
    }),
  );
  useEffect(() => {
    client.connect();
    return () => {
      void client.close();
    };
  }, [client]);
  return <Provided client={client}>{children}</Provided>;
}

/**
 * Creates a client, also on a server that has none of the transports: a client that only renders never connects,
 * so nothing is missing there.
 */
function createHere(options: ClientOptions): Client {
  try {
    return createClient(options);
  } catch (error) {
    const isServer = typeof window === "undefined";
    if (!isServer || !(error instanceof MilepostError) || error.code !== "not_supported")
      throw error;
    return createClient({ ...options, transports: ["poll"], fetch: () => Promise.reject(error) });
  }
}

function readToken(source: TokenSource): string | Promise<string> {
  return typeof source === "function" ? source() : source;
}

/** Returns what decides which panel below the nearest provider shows the parts that a page needs once. */
export function useClaims(): PageClaims {
  return useContext(ClaimsContext);
}

/** Returns the client of the nearest {@link MilepostProvider}. Throws outside of one. */
export function useClient<C extends Contract = AnyContract>(): Client<C> {
  const client = useContext(ClientContext);
  if (client === undefined) {
    throw new Error("no client: put the component below <MilepostProvider>");
  }
  return client as unknown as Client<C>;
}
