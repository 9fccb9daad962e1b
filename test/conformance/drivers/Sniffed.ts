/** The dialects of `/ws`, where the first frame of a client decides which of them it speaks. */
import type { ContractDriver, Driver } from "../Driver.ts"
import { jsonRpc } from "./JsonRpc.ts"
import { missionControl } from "./MissionControl.ts"

const PATH = "/ws"

export const sniffedJsonRpc: ContractDriver = { ...jsonRpc, name: `json-rpc at ${PATH}`, path: PATH }
export const sniffedMissionControl: Driver = { ...missionControl, name: `mission-control at ${PATH}`, path: PATH }
