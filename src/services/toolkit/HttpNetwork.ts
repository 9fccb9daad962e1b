/**
 * HttpNetwork: resolves host names for the tool `http_fetch` and refuses those that lead into a private network. HttpFetch
 * uses it; tests replace it.
 */
import * as Context from "effect/Context"
import { lookup, type LookupAddress } from "node:dns"
import type { LookupFunction } from "node:net"
import { isPublicAddress } from "../../domain/Address.ts"

/** Resolves a name to its addresses. */
type Resolve = (hostname: string, done: (error: Error | null, addresses: ReadonlyArray<LookupAddress>) => void) => void

export interface HttpNetwork {
  /** Resolves a name for a socket, which connects to one of the addresses. */
  readonly lookup: LookupFunction
  /** Returns whether an address may be read. */
  readonly isPublic: (address: string) => boolean
}

/** The name leads to an address that is never read. */
class PrivateAddress extends Error {
  readonly code = "an address of a private network, which is never read"
}

/** Makes a network of a resolver and a test of addresses. A name with one address that fails the test is refused. */
export const makeNetwork = (resolve: Resolve, isPublic: (address: string) => boolean): HttpNetwork => {
  const checkedLookup: LookupFunction = (hostname, { all }, done) =>
    resolve(hostname, (error, addresses) => {
      const [first] = addresses
      if (error !== null || first === undefined) return done(error ?? new Error("no address"), "", 0)
      if (!addresses.every(({ address }) => isPublic(address))) return done(new PrivateAddress(hostname), "", 0)
      return all === true ? done(null, [...addresses]) : done(null, first.address, first.family)
    })
  return { lookup: checkedLookup, isPublic }
}

export const HttpNetwork = Context.Reference<HttpNetwork>("causeway/services/toolkit/HttpNetwork", {
  defaultValue: () =>
    makeNetwork(
      (hostname, done) => lookup(hostname, { all: true }, (error, found) => done(error, found ?? [])),
      isPublicAddress,
    ),
})
