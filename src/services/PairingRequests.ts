/**
 * The devices that wait for an operator's word. Pure: the caller brings the time. One request for a device, under the
 * same id however often it asks; bounded, and forgotten after a while, as a device that is still there asks again.
 */
import { randomUUID } from "node:crypto"
import type { Asked, Candidate, PairingReason, PairingRequest } from "../domain/Device.ts"

const MAX_REQUESTS = 256

/** An operator who comes back after lunch still finds it. */
const MAX_AGE_MS = 3_600_000

const sameScopes = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): boolean =>
  one.length === other.length && one.every((scope) => other.includes(scope))

export class PairingRequests {
  /** By device, the oldest first. */
  readonly #requests = new Map<string, PairingRequest>()

  /** `isNews`: it was not there, or asks for something else than before. */
  put(candidate: Candidate, { role, scopes }: Asked, reason: PairingReason, now: number) {
    const { deviceId } = candidate
    const before = this.ofDevice(deviceId, now)
    const request: PairingRequest = {
      ...candidate,
      requestId: before?.requestId ?? randomUUID(),
      role,
      scopes: [...scopes],
      reason,
      requestedAt: now,
    }
    this.#requests.delete(deviceId)
    this.#requests.set(deviceId, request)
    if (this.#requests.size > MAX_REQUESTS) this.#requests.delete(this.#requests.keys().next().value!)
    const isNews = before === undefined || before.role !== role || !sameScopes(before.scopes, scopes)
    return { isNews, request }
  }

  all(now: number): ReadonlyArray<PairingRequest> {
    return [...this.#requests.values()].filter((request) => now - request.requestedAt < MAX_AGE_MS)
  }

  find(requestId: string, now: number): PairingRequest | undefined {
    return this.all(now).find((request) => request.requestId === requestId)
  }

  ofDevice(deviceId: string, now: number): PairingRequest | undefined {
    const request = this.#requests.get(deviceId)
    return request !== undefined && now - request.requestedAt < MAX_AGE_MS ? request : undefined
  }

  remove({ deviceId }: PairingRequest): void {
    this.#requests.delete(deviceId)
  }
}
