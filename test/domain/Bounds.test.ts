import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type * as Rpc from "effect/rpc/Rpc"
import { list, LIST_ITEMS, setOf } from "../../src/domain/Bounds.ts"
import { GatewayRpcs } from "../../src/domain/GatewayRpcs.ts"
import { Scope } from "../../src/domain/Principal.ts"
import { unbounded } from "../support/Unbounded.ts"

describe("Bounds", () => {
  it("Every text and every list that a client can send to a method is bounded.", () => {
    const open = Array.from(GatewayRpcs.requests.values(), (request) => {
      const rpc: Rpc.AnyWithProps = request
      return [rpc._tag, unbounded(rpc.payloadSchema)] as const
    }).filter(([, paths]) => paths.length > 0)
    expect(open).toEqual([])
  })

  it("The search for unbounded fields finds texts, lists and their members.", () => {
    const { String: Text, Struct } = Schema
    expect(
      unbounded(Struct({ a: Text, b: Schema.Array(Struct({ c: Text })), d: list(Schema.Literals(["x"])) })),
    ).toEqual(["a", "b[]", "b[].c"])
    expect(unbounded(Struct({ a: Schema.optionalKey(Schema.NullOr(Text)) }))).toEqual(["a"])
  })
})

describe("setOf", () => {
  const decode = Schema.decodeUnknownResult(Schema.toCodecJson(setOf(Scope)))

  it("A set of literals is decoded in one order with each literal once.", () => {
    const sent = ["operator.write", "operator.read", "operator.write"]
    expect(decode(sent)).toMatchObject({ success: ["operator.read", "operator.write"] })
    expect(decode([])).toMatchObject({ success: [] })
    expect(decode(["no.such"])._tag).toBe("Failure")
  })

  it("A list above the limit is refused.", () => {
    const many = (count: number) => Array.from({ length: count }, () => "operator.read")
    expect(decode(many(LIST_ITEMS))._tag).toBe("Success")
    expect(decode(many(LIST_ITEMS + 1))._tag).toBe("Failure")
  })
})
