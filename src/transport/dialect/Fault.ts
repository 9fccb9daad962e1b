/**
 * Fault: the reason why a call has no result. The set is closed, so that each dialect can encode every fault in its own
 * form.
 */

/** A tagged error of the contract, encoded as JSON. */
export interface Tagged {
  readonly _tag: string
  readonly [field: string]: unknown
}

export type Fault =
  | { readonly _tag: "UnknownMethod"; readonly method: string }
  | { readonly _tag: "InvalidParams"; readonly issue: string }
  | { readonly _tag: "DuplicateId" }
  /** `Unauthenticated` or `Forbidden`. */
  | { readonly _tag: "Denied"; readonly refusal: Tagged }
  | { readonly _tag: "Limited"; readonly limit: string; readonly retryAfterMs: number }
  /** The method's own error. */
  | { readonly _tag: "Domain"; readonly error: Tagged }
  | { readonly _tag: "Interrupted" }
  /** A bug. Its text is in the log and not in the reply. */
  | { readonly _tag: "Internal" }
