/**
 * The handshake: from a client's first frame to what it presents, or to why it is not let in. Pure: one look at the
 * frame, the nonce of this connection, the time and how the client came. Whether its secret is right is asked later.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Credentials } from "../../../services/auth/Authenticator.ts"
import { type Connect, isControlCenter, negotiate, type Protocol, readConnect, scopesOf, shown } from "./Connect.ts"
import { deviceProblem } from "./DeviceProof.ts"
import { type Flavor, readFrame } from "../wire/Frames.ts"
import * as HandshakeErrors from "./HandshakeErrors.ts"

/** Of this connection. */
export interface HandshakeFacts {
  readonly nonce: string
  readonly now: number
  readonly strict: boolean
  readonly originAllowed: boolean
  /** The gateway is going down. */
  readonly stopping: boolean
}

/** A client whose `connect` is in order. */
export interface ConnectRequest {
  readonly id: string
  readonly connect: Connect
  readonly protocol: Protocol
  readonly era: Flavor
}

export type Handshake =
  | (ConnectRequest & { readonly _tag: "Enter"; readonly credentials: Credentials })
  | {
      readonly _tag: "Refuse"
      readonly id: string | undefined
      readonly era: Flavor
      readonly refusal: HandshakeErrors.HandshakeError
    }

const refuse = (refusal: HandshakeErrors.HandshakeError, id?: string, era: Flavor = 4): Handshake => ({
  _tag: "Refuse",
  id,
  era,
  refusal,
})

/** An empty text is nothing presented. */
const secret = (text: string | null | undefined) => (text ? Redacted.make(text) : undefined)

const roleOf = ({ role }: Connect) => role ?? "operator"

const credentialsOf = (connect: Connect): Credentials => {
  const { auth, client, device } = connect
  return {
    token: secret(auth?.token),
    password: secret(auth?.password),
    deviceToken: secret(auth?.deviceToken),
    role: roleOf(connect) === "node" ? "node" : "operator",
    // Who asks for nothing gets nothing, and is told so.
    scopes: scopesOf(connect).known,
    ...(device != null && {
      device: {
        deviceId: device.id.toLowerCase(),
        publicKey: device.publicKey,
        displayName: shown(client.displayName) ?? null,
        platform: shown(client.platform) ?? null,
        deviceFamily: shown(client.deviceFamily) ?? null,
        clientId: shown(client.id) ?? null,
        clientMode: shown(client.mode) ?? null,
      },
    }),
  }
}

const problemOf = (connect: Connect, nonce: string, now: number) => {
  const { auth, client, device, scopes } = connect
  if (device == null) return undefined
  const signed = {
    clientId: client.id,
    clientMode: client.mode ?? "",
    role: roleOf(connect),
    scopes: scopes ?? [],
    token: auth?.token || auth?.deviceToken || auth?.bootstrapToken || "",
    platform: client.platform ?? "",
    deviceFamily: client.deviceFamily ?? "",
  }
  return deviceProblem({ ...device, nonce: device.nonce ?? undefined }, signed, nonce, now)
}

/** In the order in which the reference gateway looks, so that its clients see the same reason first. */
const examine = (id: string, connect: Connect, facts: HandshakeFacts): Handshake => {
  const era = isControlCenter(connect) ? "control-center" : (negotiate(connect) ?? 4)
  if (facts.stopping) return refuse(HandshakeErrors.goingDown, id, era)
  const protocol = negotiate(connect)
  if (protocol === undefined) return refuse(HandshakeErrors.protocolMismatch(connect), id, era)
  if (!["operator", "node"].includes(roleOf(connect))) return refuse(HandshakeErrors.badRole, id, era)
  if (!facts.originAllowed) return refuse(HandshakeErrors.foreignOrigin, id, era)
  const problem = problemOf(connect, facts.nonce, facts.now)
  if (problem !== undefined) return refuse(HandshakeErrors.badDevice(problem), id, era)
  return { _tag: "Enter", id, connect, protocol, era, credentials: credentialsOf(connect) }
}

export const readHandshake = (text: string, facts: HandshakeFacts): Handshake => {
  const frame = readFrame(text, facts.strict)
  switch (frame._tag) {
    case "Malformed":
      return refuse(HandshakeErrors.notJson)
    case "Invalid":
      return refuse(HandshakeErrors.notARequest)
    case "Request": {
      const { id, method, params } = frame
      if (method !== "connect") return refuse(HandshakeErrors.notConnect, id)
      return Result.match(readConnect(params, facts.strict), {
        onFailure: (issue) => refuse(HandshakeErrors.badParams(issue), id),
        onSuccess: (connect) => examine(id, connect, facts),
      })
    }
  }
}
