/**
 * The rows of agents, bindings, devices and documents, and the steps that a work can take with them. Tx has the stores.
 * Agents, Bindings, Devices and Memory use them; storage/sqlite and storage/postgres implement them.
 */
import type { Agent } from "../../domain/Agent.ts"
import type { Binding } from "../../domain/Binding.ts"
import type { Device, TokenOf } from "../../domain/Device.ts"
import type { Document } from "../../domain/Memory.ts"
import type { Role } from "../../domain/Principal.ts"
import type { Stored } from "./Stored.ts"

export interface AgentStore {
  /** The agents in the order of creation, `main` first. */
  readonly all: Stored<ReadonlyArray<Agent>>
  get(id: string): Stored<Agent | undefined>
  /** The number of agents other than `main`. */
  readonly countOthers: Stored<number>
  /** Adds the agent, or changes all its fields but `createdAt`. */
  put(agent: Agent): Stored<void>
  /** Removes the agent and its bindings. Returns these bindings, or `undefined` if there is no such agent. */
  remove(id: string): Stored<ReadonlyArray<Binding> | undefined>
}

export type BindingKey = Pick<Binding, "agentId" | "matchKey" | "matchValue">

export interface BindingStore {
  /** The bindings in the order of creation. */
  readonly all: Stored<ReadonlyArray<Binding>>
  get(key: BindingKey): Stored<Binding | undefined>
  readonly count: Stored<number>
  /** Adds the binding, or changes its priority. Returns false if nothing changed. */
  put(binding: Binding): Stored<boolean>
  /** Returns the removed binding, or `undefined` if there was none. */
  remove(key: BindingKey): Stored<Binding | undefined>
}

/** Holds hashes of tokens, never tokens. */
export interface DeviceStore {
  /** The devices in the order of pairing. */
  readonly all: Stored<ReadonlyArray<Device>>
  get(deviceId: string): Stored<Device | undefined>
  /** Adds or changes the device and its grants. Leaves out its tokens, and grants that `device` lacks. */
  put(device: Device): Stored<void>
  /** Removes the device and its grants. Returns whether there was one. */
  remove(deviceId: string): Stored<boolean>
  /** Stores the hash of a new token of a grant. Null revokes the token. */
  setToken(of: TokenOf, hash: string | null): Stored<void>
  tokenHash(of: TokenOf): Stored<string | undefined>
  /** Returns whether any device has a token with this hash in the role. */
  hasToken(role: Role, hash: string): Stored<boolean>
  setLastUsed(of: TokenOf, at: number): Stored<void>
}

/** The last published state of the memory folder. */
export interface DocumentStore {
  readonly all: Stored<ReadonlyArray<Document>>
  put(documents: ReadonlyArray<Document>): Stored<void>
  remove(ids: ReadonlyArray<string>): Stored<void>
}
