import { describe, expect, it } from "@effect/vitest"
import { messageIn } from "../../../src/services/mcp/McpMessages.ts"

describe("messageIn", () => {
  it.each([
    "",
    "listening on stdio",
    "[1,2]",
    "{",
    '{"a":1}',
    '{"jsonrpc":"1.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
    '{"jsonrpc":"2.0","id":1,"error":"x"}',
    '{"jsonrpc":"2.0","id":null,"result":{}}',
  ])("The line %j has no message.", (line) => {
    expect(messageIn(line)).toBeUndefined()
  })

  it("A message keeps the fields of JSON-RPC and loses others.", () => {
    expect(messageIn('{"jsonrpc":"2.0","id":1,"result":{"a":1},"extra":true}')).toEqual({
      jsonrpc: "2.0",
      id: 1,
      result: { a: 1 },
    })
    expect(messageIn('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x","stack":"y"}}')).toEqual({
      jsonrpc: "2.0",
      id: 1,
      error: { code: 1, message: "x" },
    })
    expect(messageIn(' {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')).toEqual({
      jsonrpc: "2.0",
      method: "notifications/tools/list_changed",
    })
  })
})
