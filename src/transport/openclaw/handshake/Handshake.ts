/**
 * Handshake: reads a client's first frame. The result is the client's request with its credentials, or the error that
 * ends the handshake. The kernel checks the credentials afterwards. OpenClaw.ts uses it.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Credentials } from "../../../services/auth/Authenticator.ts"
import { type Connect, isControlCenter, negotiate, type Protocol, readConnect, scopesOf, shown } from "./Connect.ts"
import { deviceProblem } from "./DeviceProof.ts"
import { type Flavor, readFrame } from "../wire/Frames.ts"
import * as HandshakeErrors from "./HandshakeErrors.ts"

/** The facts of the connection. */
export interface HandshakeFacts {
  readonly nonce: string
  readonly now: number
  readonly strict: boolean
  readonly originAllowed: boolean
  /** Whether the gateway is stopping. */
  readonly stopping: boolean
}

/** A valid `connect`. */
export interface ConnectRequest {
  readonly id: string
  readonly connect: Connect
  readonly protocol: Protocol
  readonly flavor: Flavor
}

export type Handshake =
  | (ConnectRequest & { readonly _tag: "Valid"; readonly credentials: Credentials })
  | {
      readonly _tag: "Failed"
      readonly id: string | undefined
      readonly flavor: Flavor
      readonly failure: HandshakeErrors.HandshakeError
    }

const fail = (failure: HandshakeErrors.HandshakeError, id?: string, flavor: Flavor = 4): Handshake => ({
  _tag: "Failed",
  id,
  flavor,
  failure,
})

/** An empty text counts as no secret. */
const secret = (text: string | null | undefined) => (text ? Redacted.make(text) : undefined)

const roleOf = ({ role }: Connect) => role ?? "operator"

const credentialsOf = (connect: Connect): Credentials => {
  const { auth, client, device } = connect
  return {
    token: secret(auth?.token),
    password: secret(auth?.password),
    deviceToken: secret(auth?.deviceToken),
    role: roleOf(connect) === "node" ? "node" : "operator",
    // A client that requests no scopes gets none. hello-ok lists the granted scopes.
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

/** Checks a request in the order of the reference gateway, so that clients see the same error first. */
const check = (id: string, connect: Connect, facts: HandshakeFacts): Handshake => {
  const flavor = isControlCenter(connect) ? "control-center" : (negotiate(connect) ?? 4)
  if (facts.stopping) return fail(HandshakeErrors.stopping, id, flavor)
  const protocol = negotiate(connect)
  if (protocol === undefined) return fail(HandshakeErrors.protocolMismatch(connect), id, flavor)
  if (!["operator", "node"].includes(roleOf(connect))) return fail(HandshakeErrors.badRole, id, flavor)
  if (!facts.originAllowed) return fail(HandshakeErrors.foreignOrigin, id, flavor)
  const problem = problemOf(connect, facts.nonce, facts.now)
  if (problem !== undefined) return fail(HandshakeErrors.badDevice(problem), id, flavor)
  return { _tag: "Valid", id, connect, protocol, flavor, credentials: credentialsOf(connect) }
}

export const readHandshake = (text: string, facts: HandshakeFacts): Handshake => {
  const frame = readFrame(text, facts.strict)
  switch (frame._tag) {
    case "Malformed":
      return fail(HandshakeErrors.notJson)
    case "Invalid":
      return fail(HandshakeErrors.notARequest)
    case "Request": {
      const { id, method, params } = frame
      if (method !== "connect") return fail(HandshakeErrors.notConnect, id)
      return Result.match(readConnect(params, facts.strict), {
        onFailure: (issue) => fail(HandshakeErrors.badParams(issue), id),
        onSuccess: (connect) => check(id, connect, facts),
      })
    }
  }
}
