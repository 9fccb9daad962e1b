/**
 * Wires: the wires of the gateway by name, as the scenarios and `--wire` name them. A scenario takes `effort.wires` and
 * starts one gateway for each.
 */
import { jsonRpc } from "./JsonRpc.ts"
import { missionControl } from "./MissionControl.ts"
import { openClaw } from "./OpenClaw.ts"
import { rpc } from "./Rpc.ts"
import { sse } from "./Sse.ts"
import type { Wire } from "./Wire.ts"

export const wires = {
  rpc,
  "json-rpc": jsonRpc,
  "mission-control": missionControl,
  "openclaw-3": (token: string) => openClaw(3, token),
  "openclaw-4": (token: string) => openClaw(4, token),
  sse,
} satisfies Readonly<Record<string, (token: string) => Wire>>

export type WireName = keyof typeof wires

export const isWireName = (name: string): name is WireName => name in wires

export const wireNames: ReadonlyArray<WireName> = Object.keys(wires).filter(isWireName)

/** The wires on which a client can call a method. */
export const callingWires: ReadonlyArray<WireName> = wireNames.filter((name) => name !== "sse")
