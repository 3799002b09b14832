/** What a language's template makes. */

/** `always`: written also where there is one, since it belongs to this version of Arsenal. Paths are relative to the folder. */
export type ScaffoldFile = { readonly file: string; readonly text: string; readonly always: boolean };

export type OperationScaffold = {
  /** The module first, then its test. */
  readonly files: readonly ScaffoldFile[];
  /** The next steps, in sentences. */
  readonly notes: readonly string[];
};
