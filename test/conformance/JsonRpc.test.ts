import { calls } from "./Calls.ts"
import { cancel } from "./Cancel.ts"
import { jsonRpc } from "./drivers/JsonRpc.ts"
import { events } from "./Events.ts"
import { faults } from "./Faults.ts"
import { handshake } from "./Handshake.ts"
import { limited } from "./Limits.ts"
import { shutdown } from "./Shutdown.ts"
import { slowReader } from "./SlowReader.ts"

handshake(jsonRpc)
calls(jsonRpc)
faults(jsonRpc)
events(jsonRpc)
cancel(jsonRpc)
limited(jsonRpc)
slowReader(jsonRpc)
shutdown(jsonRpc)
