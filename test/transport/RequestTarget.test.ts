import { expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { pathOf, queryOf } from "../../src/transport/RequestTarget.ts"

it.each([
  ["/rpc", "/rpc", ""],
  ["/rpc?a=1", "/rpc", "a=1"],
  ["/?a=1?b", "/", "a=1%3Fb"],
  ["//rpc", "//rpc", ""],
  ["http://gateway/rpc?a=1", "/rpc", "a=1"],
  ["http://gateway:99999/rpc", "/rpc", ""],
  ["http://[::bad/rpc", "/rpc", ""],
  ["http://gateway", "/", ""],
  ["http://gateway?a=1", "/", "a=1"],
  ["*", "*", ""],
  ["", "/", ""],
])("%j asks for path %j and query %j", (target, path, query) => {
  expect([pathOf(target), queryOf(target).toString()]).toEqual([path, query])
})

it.prop("no target makes it throw", [Schema.String], ([target]) => {
  expect(pathOf(target)).not.toBe("")
  expect(queryOf(target)).toBeInstanceOf(URLSearchParams)
})
