"use client";
import {
  type AnyContract,
  type Client,
  type ClientOptions,
  type Contract,
  createClient,
  type TokenSource,
} from "@milepost/client";
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";

// One context for all contracts: the type of the contract is the caller's word in `useClient<C>()`.
const ClientContext = createContext<Client | undefined>(undefined);

/** Either a client of your own, which you close, or what one is made of, which the provider closes. */
export type MilepostProviderProps<C extends Contract = AnyContract> =
  | { readonly client: Client<C>; readonly children?: ReactNode }
  | (ClientOptions & { readonly client?: undefined; readonly children?: ReactNode });

/**
 * Gives the hooks below it their client.
 *
 * With `url` it makes a client, connects it when mounted and closes it when unmounted; another `url` makes
 * another. A changed `token` is used from the next connect on, a changed `onError` at once. Nothing connects while rendering on a server.
 */
export function MilepostProvider<C extends Contract = AnyContract>(
  props: MilepostProviderProps<C>,
): ReactNode {
  if (props.client !== undefined) {
    const client = props.client as unknown as Client;
    return <ClientContext.Provider value={client}>{props.children}</ClientContext.Provider>;
  }
  const { children, client: _, ...options } = props;
  return (
    <OwnClient key={options.url} options={options}>
      {children}
    </OwnClient>
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
    createClient({
      ...options,
      // Asked for also when there is none yet: a later render may bring one.
      token: () => readToken(latest.current.token),
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
  return <ClientContext.Provider value={client}>{children}</ClientContext.Provider>;
}

function readToken(source: TokenSource | undefined): string | Promise<string> {
  return typeof source === "function" ? source() : (source ?? "");
}

/** The client of the nearest {@link MilepostProvider}; throws outside of one. */
export function useClient<C extends Contract = AnyContract>(): Client<C> {
  const client = useContext(ClientContext);
  if (client === undefined) {
    throw new Error("no client: put the component below <MilepostProvider>");
  }
  return client as unknown as Client<C>;
}
