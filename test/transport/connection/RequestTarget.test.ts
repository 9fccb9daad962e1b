import { expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { pathOf, queryOf, withinBase } from "../../../src/transport/connection/RequestTarget.ts"

it.each([
  ["/rpc", "/rpc", ""],
  ["/rpc?a=1", "/rpc", "a=1"],
  ["/?a=1?b", "/", "a=1%3Fb"],
  ["//rpc", "/rpc", ""],
  ["/rpc/", "/rpc", ""],
  ["//a///b//?c=/d/", "/a/b", "c=%2Fd%2F"],
  ["//", "/", ""],
  ["http://gateway/rpc?a=1", "/rpc", "a=1"],
  ["http://gateway:99999/rpc", "/rpc", ""],
  ["http://[::bad/rpc", "/rpc", ""],
  ["http://gateway", "/", ""],
  ["http://gateway?a=1", "/", "a=1"],
  ["*", "*", ""],
  ["", "/", ""],
])("The target %j has the path %j and the query %j.", (target, path, query) => {
  expect([pathOf(target), queryOf(target).toString()]).toEqual([path, query])
})

it.prop("No target makes a function throw.", [Schema.String], ([target]) => {
  expect(pathOf(target)).not.toBe("")
  expect(queryOf(target)).toBeInstanceOf(URLSearchParams)
})

it.each([
  ["", "/rpc", "/rpc"],
  ["/a", "/a", "/"],
  ["/a", "/a/", "/"],
  ["/a", "/a?b=1", "/?b=1"],
  ["/a", "/a/rpc?b=/a", "/rpc?b=/a"],
  ["/a", "//a/rpc", "/rpc"],
  ["/a", "http://gateway/a/rpc", "/rpc"],
  ["/a", "/ab", undefined],
  ["/a", "/", undefined],
  ["/a", "/b/a", undefined],
  ["/a", "*", undefined],
  ["/a/b", "/a/b/c", "/c"],
])("Below the base path %j, the target %j is %j.", (basePath, target, within) => {
  expect(withinBase(basePath, target)).toBe(within)
})
