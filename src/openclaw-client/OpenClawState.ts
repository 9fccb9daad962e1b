/**
 * OpenClawState: the state of the OpenClaw client's connection. Connection.ts sets it, OpenClawClient.ts publishes it.
 */
import type { Waiting } from "../client/ConnectionStates.ts"
import type { Hello } from "./Hello.ts"

/** `attempt` counts the failures in a row. `reason` is for people. */
export type OpenClawState =
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Connected"; readonly hello: Hello }
  | Waiting
  /** An operator of the gateway must approve the device. The client asks again after `retryInMs`. */
  | {
      readonly _tag: "Pairing"
      readonly attempt: number
      readonly retryInMs: number
      readonly reason: string
      readonly requestId?: string
      readonly deviceId?: string
    }
  /** The gateway refused the client for good. The client does not try again. `code`: of the gateway's answer. */
  | { readonly _tag: "Refused"; readonly reason: string; readonly code: string }
