/**
 * Connect: makes the parameters of `connect`, in the published schema of OpenClaw. Connection.ts makes them for each
 * connection.
 */
import type { Position } from "../domain/Event.ts"
import type { DeviceKey } from "./DeviceKey.ts"
import type { Challenge } from "./Hello.ts"
import type { Subscriptions } from "./Subscriptions.ts"

/** The program that connects, as lists of clients show it. The reference gateway knows a few ids and modes only. */
export interface ClientInfo {
  readonly id: string
  readonly mode: string
  readonly version: string
  readonly platform: string
  readonly displayName?: string | undefined
}

/** The credential of one attempt. */
export type Credential =
  | { readonly _tag: "None" }
  | { readonly _tag: "Secret"; readonly token: string | undefined; readonly password: string | undefined }
  | { readonly _tag: "DeviceToken"; readonly token: string }

/** The place from which a client resumes, with its subscriptions. An addition of Causeway. */
export type ResumePoint = Position & Subscriptions

export interface ConnectFacts {
  readonly client: ClientInfo
  readonly scopes: ReadonlyArray<string>
  readonly caps: ReadonlyArray<string>
  readonly credential: Credential
  readonly device: DeviceKey | undefined
  readonly resume: ResumePoint | undefined
  /** Epoch milliseconds by the clock of this machine. */
  readonly now: number
}

/** The name under which a challenge offers to resume. */
export const RESUME = "resume"

const ROLE = "operator"

const authOf = (credential: Credential) => {
  switch (credential._tag) {
    case "None":
      return undefined
    case "DeviceToken":
      return { deviceToken: credential.token }
    case "Secret": {
      const { password, token } = credential
      return { ...(token !== undefined && { token }), ...(password !== undefined && { password }) }
    }
  }
}

const signedSecret = (credential: Credential): string => (credential._tag === "None" ? "" : (credential.token ?? ""))

/**
 * Returns the parameters. A device signs with the time of the challenge, so that a wrong clock on this machine does no
 * harm. `resume` is sent only if the challenge offers it: the reference gateway refuses unknown members.
 */
export const connectParams = (facts: ConnectFacts, challenge: Challenge) => {
  const { caps, client, credential, device, now, resume, scopes } = facts
  const { displayName, ...known } = client
  const auth = authOf(credential)
  const offersResume = challenge.capabilities?.includes(RESUME) === true
  const signed = {
    clientId: client.id,
    clientMode: client.mode,
    role: ROLE,
    scopes,
    token: signedSecret(credential),
    platform: client.platform,
    deviceFamily: "",
  }
  return {
    minProtocol: 3,
    maxProtocol: 4,
    client: { ...known, ...(displayName !== undefined && { displayName }) },
    role: ROLE,
    scopes,
    caps,
    ...(auth !== undefined && { auth }),
    ...(device !== undefined && {
      device: device.prove(signed, challenge.nonce, Math.floor(challenge.ts ?? now)),
    }),
    ...(offersResume && { resume: resume ?? true }),
  }
}
