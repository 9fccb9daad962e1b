import { calls } from "./Calls.ts"
import { cancel } from "./Cancel.ts"
import { lines } from "./drivers/Lines.ts"
import { events } from "./Events.ts"
import { faults } from "./Faults.ts"
import { handshake } from "./Handshake.ts"
import { limited } from "./Limits.ts"
import { shutdown } from "./Shutdown.ts"
import { slowReader } from "./SlowReader.ts"

handshake(lines)
calls(lines)
faults(lines)
events(lines)
cancel(lines)
limited(lines)
slowReader(lines)
shutdown(lines)
