/**
 * The frames of OpenClaw's protocols 3 and 4, for the gateway and for OpenClaw's own. The client is a device that signs the
 * nonce of each connection.
 */
import { createHash, generateKeyPairSync, sign } from "node:crypto"
import { signedText } from "../../src/domain/DeviceSignature.ts"
import { frame } from "../Line.ts"
import { SESSION } from "../servers/Item.ts"
import type { Wire } from "./Wire.ts"

export const request = (id: string | number, method: string, params: unknown): string =>
  JSON.stringify({ type: "req", id: String(id), method, params })

const client = { id: "gateway-client", version: "1", platform: "node", mode: "backend" }
const role = "operator"
const scopes = ["operator.read", "operator.write"]

/** Signs as a new device. A local gateway pairs it at its first connection. */
const newDevice = (token: string) => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url")
  const id = createHash("sha256").update(raw).digest("hex")
  const { id: clientId, mode: clientMode, platform } = client
  const fields = { clientId, clientMode, role, scopes, token, platform, deviceFamily: "" }
  return (nonce: string) => {
    const signedAt = Date.now()
    const text = signedText("v3", { id, signedAt, nonce }, fields)
    const signature = sign(null, Buffer.from(text), privateKey).toString("base64url")
    return { id, publicKey: raw.toString("base64url"), signature, signedAt, nonce }
  }
}

export const openClaw = (protocol: 3 | 4, token: string, { hasDevice = true } = {}): Wire => {
  const proof = hasDevice ? newDevice(token) : undefined
  const connect = (nonce: string) => ({
    minProtocol: protocol,
    maxProtocol: protocol,
    client,
    role,
    scopes,
    caps: [],
    auth: { token },
    ...(proof && { device: proof(nonce) }),
  })
  return {
    upgrade: { path: "/" },
    greet: async (line) => {
      const [, nonce = ""] = await line.find(/"nonce":"([^"]+)"/)
      await line.exchange(frame(request("connect", "connect", connect(nonce))), `"hello-ok"`, 1)
    },
    call: { say: (id) => request(id, "health", {}), mark: `"type":"res"` },
    follow: { say: (id) => request(id, "sessions.messages.subscribe", { key: SESSION }), mark: `"type":"res"` },
    event: `"session.message"`,
  }
}
