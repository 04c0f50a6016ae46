/** Told of what a store does, for metrics and logs. Called synchronously, and must not throw. */
export type AppendObserver = {
  /** One call of the store: what it carried, how long it took (ms). */
  readonly onAppend?: (call: { readonly writes: number; readonly events: number; readonly bytes: number; readonly ms: number }) => void;
  /** A call failed; what is still wanted of it is sent again. `code`: SQLSTATE, the client's or the system's. */
  readonly onAppendFailure?: (call: { readonly writes: number; readonly code: string }) => void;
};

export type StoreObserver = AppendObserver & {
  /** A subscription could not read and will try again. */
  readonly onFeedFailure?: (failure: { readonly code: string }) => void;
};
