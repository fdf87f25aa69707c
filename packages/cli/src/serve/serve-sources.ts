/** Settings that a command line gives, besides the environment. They can be sent to another process. */
export interface ServeSources {
  readonly flags: Readonly<Record<string, string | number | boolean>>;
  /** Path of the configuration file. */
  readonly file?: string;
}
