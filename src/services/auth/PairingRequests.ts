/**
 * PairingRequests: the devices that wait for an operator's decision. Pairings.ts keeps one table of them. Pure: the
 * caller brings the time. Each device has one request per role. The table is bounded, and a request that the device
 * does not repeat expires.
 */
import { randomUUID } from "node:crypto"
import {
  type AccessRequest,
  type DeviceClaims,
  firstMissing,
  type PairingReason,
  type PairingRequest,
} from "../../domain/Device.ts"
import type { Role } from "../../domain/Principal.ts"

const MAX_REQUESTS = 256

/** Long enough for an operator who comes back after lunch. */
const MAX_AGE_MS = 3_600_000

const shownNames = ["publicKey", "displayName", "platform", "deviceFamily", "clientId", "clientMode"] as const

type Snapshot = Omit<PairingRequest, "requestId" | "supersedes" | "requestedAt">

/**
 * Returns whether the waiting request also stands for what the device asks for now. A device that asks for less keeps
 * its request, so that one which alternates between two sets of scopes can still be approved.
 */
const covers = (waiting: PairingRequest, asked: Snapshot): boolean =>
  waiting.reason === asked.reason &&
  firstMissing(asked.scopes, waiting.scopes) === undefined &&
  shownNames.every((name) => waiting[name] === asked[name])

const keyOf = ({ deviceId, role }: { readonly deviceId: string; readonly role: Role }) => `${role} ${deviceId}`

export class PairingRequests {
  /** By role and device, the oldest first. */
  readonly #requests = new Map<string, PairingRequest>()

  /**
   * Adds what a device asks for, or renews the request that stands for it already. `superseded`: the request that the
   * new one replaces.
   */
  put(
    candidate: DeviceClaims,
    { role, scopes }: AccessRequest,
    reason: PairingReason,
    now: number,
  ): { readonly request: PairingRequest; readonly isNew: boolean; readonly superseded: PairingRequest | undefined } {
    const asked: Snapshot = { ...candidate, role, scopes: [...new Set(scopes)], reason }
    const waiting = this.of(candidate.deviceId, role, now)
    const isNew = waiting === undefined || !covers(waiting, asked)
    const request: PairingRequest = isNew
      ? { ...asked, requestId: randomUUID(), supersedes: waiting?.requestId ?? null, requestedAt: now }
      : { ...waiting, remoteAddress: candidate.remoteAddress, requestedAt: now }
    this.#requests.delete(keyOf(request))
    this.#requests.set(keyOf(request), request)
    if (this.#requests.size > MAX_REQUESTS) this.#requests.delete(this.#requests.keys().next().value!)
    return { request, isNew, superseded: isNew ? waiting : undefined }
  }

  /** Puts back a request that `take` removed, unless the device has asked again since. */
  restore(request: PairingRequest): void {
    if (!this.#requests.has(keyOf(request))) this.#requests.set(keyOf(request), request)
  }

  all(now: number): ReadonlyArray<PairingRequest> {
    return [...this.#requests.values()].filter((request) => isCurrent(request, now))
  }

  find(requestId: string, now: number): PairingRequest | undefined {
    return this.all(now).find((request) => request.requestId === requestId)
  }

  /** Returns the request that replaced this one, if the device still waits. */
  successor(requestId: string, now: number): PairingRequest | undefined {
    return this.all(now).find(({ supersedes }) => supersedes === requestId)
  }

  of(deviceId: string, role: Role, now: number): PairingRequest | undefined {
    const request = this.#requests.get(keyOf({ deviceId, role }))
    return request !== undefined && isCurrent(request, now) ? request : undefined
  }

  ofDevice(deviceId: string, now: number): ReadonlyArray<PairingRequest> {
    return this.all(now).filter((request) => request.deviceId === deviceId)
  }

  /** Removes this request. One that replaced it stays. */
  take(request: PairingRequest): void {
    const key = keyOf(request)
    if (this.#requests.get(key)?.requestId === request.requestId) this.#requests.delete(key)
  }
}

const isCurrent = ({ requestedAt }: PairingRequest, now: number): boolean => now - requestedAt < MAX_AGE_MS
