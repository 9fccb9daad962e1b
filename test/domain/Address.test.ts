import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isAddress, isLoopback, isWithin, networkOf, parseRange, isPublicAddress } from "../../src/domain/Address.ts"

const within = (range: string, address: string) => isWithin([parseRange(range)!], address)

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const Group = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))
const Groups = Schema.Tuple([Group, Group, Group, Group, Group, Group, Group, Group])

const v6 = (groups: ReadonlyArray<number>) => groups.map((group) => group.toString(16)).join(":")

describe("isAddress", () => {
  it("IPv4 addresses and all forms of IPv6 addresses are addresses.", () => {
    const texts =
      "10.0.0.1 255.255.255.255 :: ::1 fd00::1 1:2:3:4:5:6:7:8 ::ffff:10.0.0.1 1:2:3:4:5:6:10.0.0.1 fe80::1%eth0"
    for (const text of texts.split(" ")) expect([text, isAddress(text)]).toEqual([text, true])
  })

  it("Texts that only look like an address are not addresses.", () => {
    const texts =
      "localhost 10.0.0 10.0.0.256 10.0.0.1.2 0x7f.0.0.1 1:2:3:4:5:6:7 ::: 1::2::3 1:2:3:4:5:6:7:8:9 12345:: g:: " +
      "10.0.0.1:80 [::1] ::1.2.3 1.2.3.4:: ::1:: 1:2:3:4:5:6:7::8:9"
    for (const text of ["", ...texts.split(" ")]) expect([text, isAddress(text)]).toEqual([text, false])
  })
})

describe("parseRange", () => {
  it.each([
    ["10.0.0.0/8", "10.255.0.1", "11.0.0.0"],
    ["192.168.1.128/25", "192.168.1.200", "192.168.1.127"],
    ["127.0.0.1", "127.0.0.1", "127.0.0.2"],
    ["0.0.0.0/0", "8.8.8.8", "2001:db8::1"],
    ["fd00::/8", "fdff::1", "fe00::1"],
    ["::1", "::1", "::2"],
    ["::/0", "2001:db8::1", "none"],
    ["10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"],
  ])("The range %s contains %s and not %s.", (range, inside, outside) => {
    expect([within(range, inside), within(range, outside)]).toEqual([true, false])
  })

  it.each(["", "/8", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1", "all"])(
    "The text %j is not a range.",
    (text) => expect(parseRange(text)).toBeUndefined(),
  )

  it.prop("The range of a single address contains that address and no other.", [Groups, Groups], ([a, b]) => {
    expect(within(v6(a), v6(a))).toBe(true)
    expect(within(v6(a), v6(b))).toBe(v6(a) === v6(b))
  })
})

it("A loopback host is a loopback name or address, and no text that looks like one.", () => {
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1", "[::1]", "::ffff:127.0.0.1"]) {
    expect([host, isLoopback(host)]).toEqual([host, true])
  }
  for (const host of "0.0.0.0 :: 127.0.0.1.example localhost.example 10.0.0.1 128.0.0.1 127.0.0.1:80 []".split(" ")) {
    expect([host, isLoopback(host)]).toEqual([host, false])
  }
  expect(isLoopback("")).toBe(false)
})

describe("networkOf", () => {
  it.prop(
    "The network of an IPv4 address is the address itself.",
    [Schema.Tuple([Byte, Byte, Byte, Byte])],
    ([bytes]) => {
      expect(networkOf(bytes.join("."))).toBe(bytes.join("."))
    },
  )

  it.prop(
    "IPv6 addresses have the same network exactly if their first halves are equal.",
    [Groups, Groups],
    ([a, b]) => {
      const sibling = [...a.slice(0, 4), ...b.slice(4)]
      expect(networkOf(v6(sibling))).toBe(networkOf(v6(a)))
      expect(networkOf(v6(a)) === networkOf(v6(b))).toBe(v6(a.slice(0, 4)) === v6(b.slice(0, 4)))
    },
  )

  it("All notations of an address have the same network.", () => {
    expect(networkOf("2001:db8::1")).toBe(networkOf("2001:0DB8:0:0:ffff::"))
    for (const mapped of ["::ffff:10.0.0.1", "::FFFF:a00:1", "0:0:0:0:0:ffff:10.0.0.1", "::ffff:10.0.0.1%eth0"]) {
      expect(networkOf(mapped)).toBe("10.0.0.1")
    }
    expect(networkOf("not:an:address")).toBe("not:an:address")
  })
})

describe("isPublicAddress", () => {
  it.each(["1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "2606:4700:4700::1111", "::ffff:8.8.8.8"])(
    "The address %s is on the internet.",
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )

  it.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fec0::1",
    "::7f00:1",
    "",
    "example.org",
    "1.2.3",
    "0x7f.1",
  ])("The address %j is not on the internet.", (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})
