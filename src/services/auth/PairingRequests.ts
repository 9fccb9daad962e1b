/**
 * PairingRequests: the table of devices that wait for an operator's decision. Pairings keeps one table and passes the
 * time. Each device has one request per role. The table is bounded, and a request expires unless the device repeats it.
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

/** Long enough for an operator who has lunch. */
const MAX_AGE_MS = 3_600_000

const shownFields = ["publicKey", "displayName", "platform", "deviceFamily", "clientId", "clientMode"] as const

/** The facts that an operator approves. */
type RequestContent = Omit<PairingRequest, "requestId" | "supersedes" | "requestedAt">

/**
 * Returns whether the waiting request covers the new one. A device that requests fewer scopes keeps its request.
 * Otherwise an operator could not approve a device that alternates between two sets of scopes.
 */
const covers = (waiting: PairingRequest, content: RequestContent): boolean =>
  waiting.reason === content.reason &&
  firstMissing(content.scopes, waiting.scopes) === undefined &&
  shownFields.every((name) => waiting[name] === content[name])

const keyOf = ({ deviceId, role }: { readonly deviceId: string; readonly role: Role }) => `${role} ${deviceId}`

export class PairingRequests {
  /** By role and device, oldest first. */
  readonly #requests = new Map<string, PairingRequest>()

  /**
   * Adds a request, or renews the waiting request that covers it. `superseded`: the request that the new one replaces.
   * Drops the oldest request if the table is full.
   */
  put(
    claims: DeviceClaims,
    { role, scopes }: AccessRequest,
    reason: PairingReason,
    now: number,
  ): { readonly request: PairingRequest; readonly isNew: boolean; readonly superseded: PairingRequest | undefined } {
    const content: RequestContent = { ...claims, role, scopes: [...new Set(scopes)], reason }
    const waiting = this.ofRole(claims.deviceId, role, now)
    const isNew = waiting === undefined || !covers(waiting, content)
    const request: PairingRequest = isNew
      ? { ...content, requestId: randomUUID(), supersedes: waiting?.requestId ?? null, requestedAt: now }
      : { ...waiting, remoteAddress: claims.remoteAddress, requestedAt: now }
    this.add(request)
    return { request, isNew, superseded: isNew ? waiting : undefined }
  }

  /** Adds a request as the newest one, in place of the request of the same device and role. */
  add(request: PairingRequest): void {
    this.#requests.delete(keyOf(request))
    this.#requests.set(keyOf(request), request)
    if (this.#requests.size > MAX_REQUESTS) this.#requests.delete(this.#requests.keys().next().value!)
  }

  /** Puts back a removed request. Returns false if the device has sent another one since. */
  restore(request: PairingRequest): boolean {
    if (this.#requests.has(keyOf(request))) return false
    this.#requests.set(keyOf(request), request)
    return true
  }

  /** Returns the requests that have not expired, oldest first. */
  all(now: number): ReadonlyArray<PairingRequest> {
    return [...this.#requests.values()].filter((request) => isCurrent(request, now))
  }

  /** Returns `undefined` if the request is unknown or has expired. */
  find(requestId: string, now: number): PairingRequest | undefined {
    return this.all(now).find((request) => request.requestId === requestId)
  }

  /** Returns the request that replaced this one, or `undefined` if none waits. */
  successor(requestId: string, now: number): PairingRequest | undefined {
    return this.all(now).find(({ supersedes }) => supersedes === requestId)
  }

  /** Returns the request of the device in this role, unless it has expired. */
  ofRole(deviceId: string, role: Role, now: number): PairingRequest | undefined {
    const request = this.#requests.get(keyOf({ deviceId, role }))
    return request !== undefined && isCurrent(request, now) ? request : undefined
  }

  /** Returns the requests of the device in all roles. */
  ofDevice(deviceId: string, now: number): ReadonlyArray<PairingRequest> {
    return this.all(now).filter((request) => request.deviceId === deviceId)
  }

  /** Removes this request. A request that replaced it stays. */
  remove(request: PairingRequest): void {
    const key = keyOf(request)
    if (this.#requests.get(key)?.requestId === request.requestId) this.#requests.delete(key)
  }
}

const isCurrent = ({ requestedAt }: PairingRequest, now: number): boolean => now - requestedAt < MAX_AGE_MS
