/**
 * Wire: how the load generator speaks one protocol. Each file of this folder describes a protocol, and Server.ts opens
 * connections with the descriptions.
 */
import type { Line, Upgrade } from "../Line.ts"

/** A frame that a client sends, and the text that its answer contains once. */
export interface Exchange {
  readonly say: (id: number) => string
  readonly mark: string
}

export interface Wire {
  readonly upgrade: Upgrade
  /** The handshake of the protocol after the upgrade, if it has one. */
  readonly greet?: (line: Line) => Promise<void>
  /** A call without work. `undefined` if clients send nothing after the upgrade. */
  readonly call: Exchange | undefined
  /** How a client subscribes to the messages of a session: by a frame, or by the upgrade alone. */
  readonly follow: Exchange | { readonly upgrade: Upgrade }
  /** Each event contains this text once. */
  readonly event: string
  /** The frames that need an acknowledgement, and the acknowledgement. */
  readonly chunk?: { readonly mark: string; readonly acknowledge: (id: number) => string }
}
