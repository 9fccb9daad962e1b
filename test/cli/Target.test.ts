import { describe, expect, it } from "@effect/vitest"
import { localUrl } from "../../src/cli/LocalUrl.ts"
import { rpcUrl } from "../../src/cli/Target.ts"

describe("the address that a person types", () => {
  it.each([
    ["127.0.0.1:4000", "ws://127.0.0.1:4000/rpc"],
    ["localhost:4000", "ws://localhost:4000/rpc"],
    ["http://127.0.0.1:4000", "ws://127.0.0.1:4000/rpc"],
    ["https://gateway.example.org", "wss://gateway.example.org/rpc"],
    ["wss://gateway.example.org/causeway/rpc", "wss://gateway.example.org/causeway/rpc"],
    ["[::1]:4000", "ws://[::1]:4000/rpc"],
  ])("%s is %s", (typed, url) => {
    expect(rpcUrl(typed)?.href).toBe(url)
  })

  it.each(["", "ftp://host", "http://", "not an address"])("%j is none", (typed) => {
    expect(rpcUrl(typed)).toBeUndefined()
  })
})

it("a gateway that listens on every address is reached on the loopback one", () => {
  expect(localUrl({ host: "0.0.0.0", port: 1 })).toBe("http://127.0.0.1:1")
  expect(localUrl({ host: "::", port: 1 })).toBe("http://[::1]:1")
  expect(localUrl({ host: "192.168.1.5", port: 1 })).toBe("http://192.168.1.5:1")
})
