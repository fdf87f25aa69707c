import {
  createGateway,
  type Gateway,
  type GatewayOptions,
  type Rule,
  type SigningOptions,
} from "@milepost/server";

const tokenSecret = "the token secret of a test gateway, which is long";
const apiKey = "key-of-the-test-service";

/** A real gateway on a free port, with the environment variables with which the CLI reaches it. */
export interface CliGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly url: string;
  readonly env: Record<string, string>;
}

/** Starts a gateway for one test. */
export async function startGateway(
  rules: readonly Rule[] = [],
  options: Pick<GatewayOptions, "engine" | "role" | "sources"> & { signing?: SigningOptions } = {},
): Promise<CliGateway> {
  const { signing, ...rest } = options;
  const gateway = createGateway({
    auth: {
      tokenSecret,
      apiKeys: [{ name: "test", key: apiKey, ...(signing === undefined ? {} : { signing }) }],
    },
    rules,
    ...rest,
    log: { info() {}, warn() {}, error() {} },
  });
  const { port } = await gateway.listen({ port: 0 });
  const url = `http://127.0.0.1:${port}`;
  return {
    gateway,
    url,
    env: { MILEPOST_URL: url, MILEPOST_API_KEY: apiKey, MILEPOST_TOKEN_SECRET: tokenSecret },
    [Symbol.asyncDispose]: () => gateway.close(),
  };
}
