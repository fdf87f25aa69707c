/** What a command line says of the settings, besides the environment. It can be sent to another process. */
export interface ServeSources {
  readonly flags: Readonly<Record<string, string | number | boolean>>;
  /** Path of the configuration file. */
  readonly file?: string;
}
