import { missionControl } from "./drivers/MissionControl.ts"
import { sniffedMissionControl } from "./drivers/Sniffed.ts"
import { events } from "./Events.ts"
import { faults } from "./Faults.ts"
import { handshake } from "./Handshake.ts"
import { limited } from "./Limits.ts"
import { shutdown } from "./Shutdown.ts"

handshake(missionControl)
faults(missionControl)
events(missionControl)
limited(missionControl)
shutdown(missionControl)

handshake(sniffedMissionControl)
faults(sniffedMissionControl)
events(sniffedMissionControl)
shutdown(sniffedMissionControl)
