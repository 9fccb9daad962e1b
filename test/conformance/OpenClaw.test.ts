import { calls } from "./Calls.ts"
import { openClaw } from "./drivers/OpenClaw.ts"
import { events } from "./Events.ts"
import { faults } from "./Faults.ts"
import { handshake } from "./Handshake.ts"
import { limited } from "./Limits.ts"
import { shutdown } from "./Shutdown.ts"
import { slowReader } from "./SlowReader.ts"

// The suite of cancellation needs the whole contract: this protocol has no frame that cancels a request.
handshake(openClaw)
calls(openClaw)
faults(openClaw)
events(openClaw)
limited(openClaw)
slowReader(openClaw)
shutdown(openClaw)
