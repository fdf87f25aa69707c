/**
 * Returns a proxy of a port that makes each call of a method through `call`. Results of the proxy's methods are
 * those of `call`.
 */
export function calledThrough<T extends object>(
  port: T,
  call: (method: () => Promise<unknown>) => Promise<unknown>,
): T {
  return new Proxy(port, {
    get(target, name): unknown {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...args: unknown[]) => call(async () => Reflect.apply(method, target, args));
    },
  });
}
