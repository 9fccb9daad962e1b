import { describe, expect, it } from "@effect/vitest"
import { gatewayUrl } from "../../src/client/GatewayUrl.ts"

describe("gatewayUrl", () => {
  it.each([
    ["127.0.0.1:4000", "ws://127.0.0.1:4000/rpc"],
    ["localhost:4000", "ws://localhost:4000/rpc"],
    ["http://127.0.0.1:4000", "ws://127.0.0.1:4000/rpc"],
    ["https://gateway.example.org", "wss://gateway.example.org/rpc"],
    ["wss://gateway.example.org/causeway/rpc", "wss://gateway.example.org/causeway/rpc"],
    ["[::1]:4000", "ws://[::1]:4000/rpc"],
    ["127.0.0.1:4000/causeway", "ws://127.0.0.1:4000/causeway/rpc"],
    ["https://gateway.example.org/causeway/", "wss://gateway.example.org/causeway/rpc"],
    ["https://gateway.example.org/a/rpc/?x=1", "wss://gateway.example.org/a/rpc?x=1"],
  ])("The address %s means %s.", (typed, url) => {
    expect(gatewayUrl(typed)?.href).toBe(url)
  })

  it.each(["", "ftp://host", "http://", "not an address"])("The text %j is not an address.", (typed) => {
    expect(gatewayUrl(typed)).toBeUndefined()
  })
})
